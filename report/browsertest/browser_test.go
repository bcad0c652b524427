package browsertest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
)

var shots = flag.String("shots", "", "write screenshots to this `directory`")

// browser is one Chromium for all tests; each has a tab of its own.
var browser context.Context

func TestMain(m *testing.M) {
	flag.Parse()
	profile, err := os.MkdirTemp("", "browsertest-*")
	if err != nil {
		panic(err)
	}
	options := []chromedp.ExecAllocatorOption{chromedp.UserDataDir(profile)}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "hide-scrollbars",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	var stopBrowser context.CancelFunc
	browser, stopBrowser = chromedp.NewContext(allocator)
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintln(os.Stderr, "Chromium is needed (Debian: chromium):", err)
		os.Exit(1)
	}
	status := m.Run()
	stopBrowser()
	stop()
	os.RemoveAll(profile)
	os.Exit(status)
}

// sample is the result behind the golden files of package report.
func sample(t *testing.T) *finding.Result { return saved(t, "races") }

// saved reads one of its golden files.
func saved(t *testing.T, name string) *finding.Result {
	t.Helper()
	f, err := os.Open("../testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := report.ReadJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// many is a result of n races, each with a graph.
func many(t *testing.T, n int) *finding.Result {
	r := sample(t)
	first := r.Races[0]
	r.Races = nil
	for i := range n {
		race := first
		race.ID, race.Occurrences = fmt.Sprintf("%012x", i+1), uint64(n-i)
		race.Object.Name = fmt.Sprintf("main.object%03d", i)
		r.Races = append(r.Races, race)
	}
	return r
}

// write writes a page and returns its address.
func write(t *testing.T, r *finding.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, report.HTML, r, report.Options{}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return "file://" + file
}

// An action is one in the browser that gives no value.
type action = chromedp.Action[chromedp.Void]

// do makes an action of a command of the browser's protocol.
func do[P, R any](command cdp.Command[P, R], params P) action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// A tab is a page opened from a file. Whatever the browser says of it fails the
// test when it ends.
type tab struct {
	*testing.T
	ctx  context.Context
	mu   sync.Mutex
	said []string
}

func open(t *testing.T, address string, before ...action) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	p := &tab{T: t, ctx: ctx}
	p.do() // opens it
	err := chromedp.Listen(ctx, func(event any) {
		var said string
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			said = fmt.Sprintf("console.%s", e.Type)
		case *runtime.EventExceptionThrown:
			said = e.ExceptionDetails.Text
		case *log.EventEntryAdded:
			said = e.Entry.Text
		default:
			return
		}
		p.mu.Lock()
		p.said = append(p.said, said)
		p.mu.Unlock()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.quiet()
		cancel()
		closeTab()
	})
	p.do(do(log.Enable, cdp.Empty{}))
	p.do(before...)
	p.do(chromedp.Navigate(address))
	return p
}

// quiet fails the test if the browser has said something since the last time.
func (p *tab) quiet() {
	p.Helper()
	for _, said := range p.heard() {
		p.Errorf("the browser says: %s", said)
	}
}

func (p *tab) heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	said := p.said
	p.said = nil
	return said
}

func (p *tab) do(actions ...action) {
	p.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// eval gives the value of an expression in the page.
func eval[T any](p *tab, expression string) T {
	p.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return value
}

// check fails the test unless the expressions are or become true: what an event
// does may take the browser a while.
func (p *tab) check(what string, expressions ...string) {
	p.Helper()
	for _, e := range expressions {
		for wait := time.Millisecond; !eval[bool](p, e); wait *= 2 {
			if wait > 5*time.Second {
				p.Errorf("%s: not so: %s", what, e)
				break
			}
			time.Sleep(wait)
		}
	}
}

func (p *tab) press(keys string) {
	p.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// click clicks an element as soon as a pointer finds it: what is in sight for the first
// time gets its real height, by which what is below moves.
func (p *tab) click(selector string) {
	p.Helper()
	p.check("at rest", fmt.Sprintf(`new Promise((resolve) => {
		const e = document.querySelector(%q), y = () => e.getBoundingClientRect().y;
		if (!e) return resolve(false);
		e.scrollIntoView({behavior: "instant", block: "center"});
		const before = y();
		requestAnimationFrame(() => requestAnimationFrame(() => {
			const b = e.getBoundingClientRect();
			resolve(y() === before && e.contains(document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2)));
		}));
	})`, selector))
	p.do(chromedp.Click(selector))
}

// slash presses the key that goes to the filter. The browser's protocol would
// type it there as well, which a real key does not.
func (p *tab) slash() {
	p.Helper()
	p.check("/ filters", `!document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true }))`,
		`document.activeElement.id === "filter"`)
}

func size(width, height int64) action { return chromedp.EmulateViewport(width, height) }

func scheme(name string) action {
	return do(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
}

// shot writes a screenshot of the whole page, if that is wanted.
func (p *tab) shot(name string) {
	p.Helper()
	if *shots == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o666); err != nil {
		p.Fatal(err)
	}
}

// TestPolicy checks that the content policy holds from a file: nothing that a
// trace could smuggle in would run, load or style.
func TestPolicy(t *testing.T) {
	p := open(t, write(t, sample(t)))
	p.quiet()
	for what, script := range map[string]string{
		"script":  `const e = document.createElement("script"); e.textContent = "window.ran = true"; document.body.append(e)`,
		"handler": `document.body.insertAdjacentHTML("beforeend", "<b onclick='window.ran = true' id=hostile>x</b>"); document.getElementById("hostile").click()`,
		"image":   `document.body.insertAdjacentHTML("beforeend", "<img src='file:///nowhere.png'>")`,
		"style":   `document.body.insertAdjacentHTML("beforeend", "<style>body { color: red }</style>")`,
		"frame":   `document.body.insertAdjacentHTML("beforeend", "<iframe src='file:///'></iframe>")`,
		"request": `fetch("file:///nowhere").catch(() => {})`,
	} {
		blocked := eval[string](p, `new Promise((resolve) => {
			addEventListener("securitypolicyviolation", (e) => resolve(e.effectiveDirective), { once: true });
			setTimeout(() => resolve(""), 5000);
			`+script+`
		})`)
		if blocked == "" {
			t.Errorf("%s: not blocked", what)
		}
	}
	p.check("policy", `!window.ran`)
	p.heard() // what was blocked
}

// TestSilent opens pages of all sorts, in light and dark, and expects no word
// in the console.
func TestSilent(t *testing.T) {
	empty := sample(t)
	empty.Races, empty.Findings, empty.Verdict = nil, nil, finding.None
	lossy := sample(t)
	lossy.Coverage = finding.Coverage{Truncated: true, LostSync: 3, NotInstrumented: []string{"a.org/b"}}
	for name, r := range map[string]*finding.Result{"races": sample(t), "empty": empty, "lossy": lossy, "plain": saved(t, "plain")} {
		for _, mode := range []string{"light", "dark"} {
			p := open(t, write(t, r), scheme(mode), size(1180, 900))
			p.check(name, `document.querySelector("h1").textContent.length > 10`)
			p.quiet()
			p.shot(name + "-" + mode)
		}
	}
}

// TestContrast computes the contrast of every text with what lies behind it.
func TestContrast(t *testing.T) {
	r := sample(t)
	r.Coverage.Complete, r.Coverage.LostRecords = false, 3
	r.Runs = append(r.Runs, saved(t, "plain").Runs...)
	for _, mode := range []string{"light", "dark"} {
		p := open(t, write(t, r), scheme(mode), size(1180, 900))
		for _, low := range eval[[]string](p, `(() => {
			const parse = (s) => { const n = s.match(/[\d.]+/g)?.map(Number) ?? []; return n.length === 4 && n[3] === 0 ? null : n.slice(0, 3); };
			const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
			const behind = (e) => {
				if (e.closest(".racing")) return parse(getComputedStyle(e.closest(".racing").querySelector(".badge")).fill);
				for (; e; e = e.parentElement) { const c = !(e instanceof SVGElement) && parse(getComputedStyle(e).backgroundColor); if (c) return c; }
				return [255, 255, 255];
			};
			for (const d of document.querySelectorAll("details")) d.open = true;
			const bad = new Set();
			let texts = 0;
			for (const e of document.querySelectorAll("body *")) {
				if (e.closest("script, style, dialog, title") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
				const style = getComputedStyle(e), fore = parse(e instanceof SVGElement ? style.fill : style.color);
				const [a, b] = [light(fore), light(behind(e))].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
				texts++;
				if (ratio < 4.5) bad.add(e.localName + "." + (e.className.baseVal ?? e.className) + " " + ratio.toFixed(2) + " " + fore + " on " + behind(e));
			}
			if (texts < 100) bad.add("only " + texts + " texts looked at");
			return [...bad];
		})()`) {
			t.Errorf("%s: %s", mode, low)
		}
	}
}

func TestScheme(t *testing.T) {
	background := map[string]string{}
	for _, mode := range []string{"light", "dark"} {
		p := open(t, write(t, sample(t)), scheme(mode))
		background[mode] = eval[string](p, `getComputedStyle(document.body).backgroundColor`)
	}
	if background["light"] == background["dark"] {
		t.Errorf("light and dark are the same: %v", background)
	}
}

func TestKeys(t *testing.T) {
	r := many(t, 5)
	p := open(t, write(t, r), size(1180, 900))
	id := func(i int) string { return fmt.Sprintf("%q", "#r-"+r.Races[i].ID) }
	inSight := `(() => { const b = document.querySelector(location.hash).getBoundingClientRect(); return b.top >= 0 && b.top < innerHeight / 2; })()`
	for i, want := range []int{0, 1, 2, 1} {
		p.press([]string{"j", "j", "j", "k"}[i])
		p.check("j and k", `location.hash === `+id(want), inSight)
	}
	p.press("o")
	p.check("o folds", `!document.querySelector(location.hash + " .body").open`)
	p.press("o")
	p.check("o opens", `document.querySelector(location.hash + " .body").open`)
	p.press("?")
	p.check("? helps", `document.getElementById("help").open`)
	p.press("?")
	p.check("? ends it", `!document.getElementById("help").open`)
	p.slash()
	p.press("jjj?")
	p.check("keys are text in the filter", `document.getElementById("filter").value === "jjj?"`, `location.hash === `+id(1))
	// All of it by buttons.
	p.press("\x1b")
	for _, key := range []string{"j", "k", "?", "o", "c", "y"} {
		p.check("button", fmt.Sprintf(`(() => { const b = document.querySelector('button[data-key="%s"]'); return b.checkVisibility() && b.textContent.includes("%s"); })()`, key, key))
	}
	p.click(`nav.keys [data-key="j"]`)
	p.check("the button j", `location.hash === `+id(2))
}

func TestFilter(t *testing.T) {
	p := open(t, write(t, many(t, 20)))
	shown := `[...document.querySelectorAll("article.race")].filter((e) => e.checkVisibility()).length`
	rows := `[...document.querySelectorAll(".index tbody tr")].filter((e) => e.checkVisibility()).length`
	p.check("before", shown+` === 20`, rows+` === 20`)
	p.slash()
	p.press("object00 OBJECT003")
	p.check("filtered", shown+` === 1`, rows+` === 1`, `document.getElementById("matches").textContent.startsWith("1 of ")`)
	p.press("\r")
	p.check("enter goes there", `document.querySelector(location.hash + " h2").textContent.includes("object003")`)
	p.slash()
	p.press("\x1b")
	p.check("escape", shown+` === 20`, rows+` === 20`)
}

func TestSort(t *testing.T) {
	p := open(t, write(t, many(t, 20)), size(1180, 900))
	order := `[...document.querySelectorAll(".index tbody tr")].map((r) => parseInt(r.cells[0].textContent)).join()`
	first := eval[string](p, order)
	for _, column := range []string{"Seen", "Object", "#"} {
		click := chromedp.Click(fmt.Sprintf(`//table[contains(@class, "index")]//th/button[.=%q]`, column))
		p.do(click)
		up := eval[string](p, order)
		p.check(column, `document.querySelectorAll("th[aria-sort=ascending]").length === 1`)
		p.do(click)
		down := eval[string](p, order)
		p.check(column, `document.querySelectorAll("th[aria-sort=descending]").length === 1`)
		if up == down || up != first && down != first {
			t.Errorf("%s: up %s, down %s", column, up, down)
		}
	}
}

func TestCopy(t *testing.T) {
	r := sample(t)
	p := open(t, write(t, r), size(1180, 900))
	capture := `navigator.clipboard.writeText = async (text) => { window.copied = text; }; true`
	p.check("a file is a secure context", `isSecureContext`, capture)
	p.press("j")
	p.press("c")
	ticket := eval[string](p, `window.copied`)
	for _, want := range []string{"## Data race: ", r.Races[0].ID, "WARNING: DATA RACE", "Goroutine 9 (running) created at:", "Why nothing orders them", "hindsight analyze"} {
		if !strings.Contains(ticket, want) {
			t.Errorf("the ticket lacks %q:\n%s", want, ticket)
		}
	}
	p.check("says so", `document.querySelector("article [data-key=c]").textContent === "Copied"`)
	p.press("y")
	p.check("link", `window.copied === location.href.split("#")[0] + "#r-`+r.Races[0].ID+`"`)
	p.click(`article .advice .copy button`)
	p.check("suppression", `window.copied.startsWith("`+r.Races[0].ID+`  # ")`)
	// Where there is no clipboard, the text is selected.
	p.check("no clipboard", `navigator.clipboard.writeText = async () => { throw new Error("no"); }; true`)
	p.press("c")
	p.check("selected", `getSelection().toString().includes("## Data race")`)
}

// TestTarget follows a link into the page.
func TestTarget(t *testing.T) {
	r := many(t, 10)
	p := open(t, write(t, r)+"#r-"+r.Races[6].ID, size(1180, 900))
	p.check("target", `document.querySelector("article:target").id === "r-`+r.Races[6].ID+`"`,
		`(() => { const top = document.querySelector("article:target").getBoundingClientRect().top; return top >= 0 && top < innerHeight / 2; })()`)
	p.click(`.index tbody tr:nth-child(3) a`)
	p.check("index", `document.querySelector("article:target").id === "r-`+r.Races[2].ID+`"`)
	p.click(`article:target .advice a`)
	p.check("rule", `document.querySelector("details:target").open`)
}

// TestWithoutScript reads the page as one does whose browser runs no script.
func TestWithoutScript(t *testing.T) {
	p := open(t, write(t, sample(t)), do(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}), size(1180, 900))
	p.check("no script", `document.querySelectorAll(".script:not([hidden])").length === 0`,
		`[...document.querySelectorAll("button")].every((b) => !b.checkVisibility())`,
		`document.querySelector("article .why").checkVisibility()`, `document.querySelector("article svg").checkVisibility()`)
	p.do(chromedp.Click(`article .raws summary`))
	p.check("details open", `document.querySelector("article .raws pre").checkVisibility()`)
}

// TestAccess checks what helps those who do not see the page, or have no mouse.
func TestAccess(t *testing.T) {
	p := open(t, write(t, sample(t)), size(1180, 900))
	p.check("landmarks", `["header", "main", "nav", "footer"].every((e) => document.querySelector("body > " + e))`,
		`document.querySelectorAll("h1").length === 1`, `document.documentElement.lang === "en"`,
		`[...document.querySelectorAll("nav, section.banner, section.card, svg[role], article, dialog")].every((e) => e.ariaLabel || document.getElementById(e.getAttribute("aria-labelledby"))?.textContent)`,
		`[...document.querySelectorAll("button, a, summary")].every((e) => e.textContent.trim())`,
		`[...document.querySelectorAll("th")].every((e) => e.scope)`,
		`[...document.querySelectorAll(".scroll > svg")].every((e) => e.closest(".scroll").tabIndex === 0)`,
		`new Set([...document.querySelectorAll("[id]")].map((e) => e.id)).size === document.querySelectorAll("[id]").length`)
	p.press("\t")
	p.check("skip link", `document.activeElement.className === "skip"`, `document.activeElement.getBoundingClientRect().left >= 0`)
	p.press("\r")
	p.check("skips", `location.hash === "#content"`)
	for range 200 { // Tab gets everywhere and out again
		p.press("\t")
		if eval[bool](p, `document.activeElement.closest("article:last-of-type .raws") !== null`) {
			return
		}
	}
	t.Error("Tab does not reach the last article")
}

func TestNarrow(t *testing.T) {
	p := open(t, write(t, sample(t)), size(360, 780))
	p.check("keys", `[...document.querySelectorAll("button")].every((b) => !b.checkVisibility() || b.innerText.trim())`)
	p.check("narrow", `document.documentElement.scrollWidth <= 360`, `document.querySelector("h1").getBoundingClientRect().right <= 360`)
	p.shot("narrow")
	p = open(t, write(t, saved(t, "plain")), size(360, 780))
	p.check("narrow, goroutines", `document.documentElement.scrollWidth <= 360`)
	p.shot("narrow-plain")
	p = open(t, write(t, sample(t)), size(1920, 1080))
	p.check("wide", `document.documentElement.scrollWidth <= 1920`)
}

// TestPrint prints: a race a page, everything open.
func TestPrint(t *testing.T) {
	p := open(t, write(t, many(t, 6)))
	pdf, err := chromedp.Run(p.ctx, chromedp.PrintToPDF())
	if err != nil {
		t.Fatal(err)
	}
	pages := bytes.Count(pdf, []byte("/Type /Page\n")) + bytes.Count(pdf, []byte("/Type /Page ")) + bytes.Count(pdf, []byte("/Type /Page/"))
	if !bytes.HasPrefix(pdf, []byte("%PDF")) || pages < 7 {
		t.Errorf("%d bytes, %d pages", len(pdf), pages)
	}
	if *shots != "" {
		if err := os.WriteFile(filepath.Join(*shots, "print.pdf"), pdf, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p.do(do(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}))
	p.check("opened by style alone", `[...document.querySelectorAll("details:not([open]) > :not(summary)")].every((e) => e.checkVisibility() || e.querySelector(".ticket"))`,
		`document.querySelectorAll("details:not([open])").length > 5`, `!document.querySelector("nav.keys").checkVisibility()`)
	p.do(do(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}))
	p.check("closed again", `!document.querySelector("article .raws pre").checkVisibility()`)
	p.check("opened by script", `dispatchEvent(new Event("beforeprint")), document.querySelectorAll("details:not([open])").length === 0`,
		`dispatchEvent(new Event("afterprint")), document.querySelectorAll("details:not([open])").length > 5`)
}

// TestMany loads 200 races, the most that a page has. The best of some loads
// counts, since the machine may be busy.
func TestMany(t *testing.T) {
	r := many(t, 200)
	address := write(t, r)
	info, err := os.Stat(strings.TrimPrefix(address, "file://"))
	if err != nil || info.Size() > 8<<20 {
		t.Errorf("%d bytes: %v", info.Size(), err)
	}
	p := open(t, address, size(1180, 900))
	best := 1e9
	for range 5 {
		p.do(chromedp.Reload())
		best = min(best, eval[float64](p, `new Promise((resolve) => {
			const look = () => { const n = performance.getEntriesByType("navigation")[0]; n.loadEventEnd ? requestAnimationFrame(() => resolve(n.loadEventEnd)) : setTimeout(look, 5); };
			look();
		})`))
	}
	p.check("all there", `document.querySelectorAll("article.race").length === 200`)
	t.Logf("200 races: %.0f ms, %d bytes", best, info.Size())
	if best > 1000 {
		t.Errorf("200 races take %.0f ms", best)
	}
	one := many(t, 1)
	if info, err := os.Stat(strings.TrimPrefix(write(t, one), "file://")); err != nil || info.Size() > 300_000 {
		t.Errorf("a page of one race: %d bytes, %v", info.Size(), err)
	}
}
