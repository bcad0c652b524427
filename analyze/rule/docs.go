package rule

// All are the rules, by number.
var All = []Rule{
	{
		Number: 1,
		Title:  "Data race",
		What:   "Two goroutines access the same memory, at least one of them writes, at least one of the accesses is not atomic, and no chain of synchronization leads from one to the other.",
		Why:    "Without such a chain the Go memory model says nothing about which access comes first or what the reader sees: an old value, half of a new one, or for maps, slices and interfaces a corrupt one. Compilers and processors reorder accordingly, so a race that was harmless in one build need not be so in the next.",
		Fix:    "Order the two: hold the same mutex at both, pass the data over a channel, wait for the other goroutine with a WaitGroup, or make both accesses atomic.",
		Before: `
var hits int

func count() {
	go func() { hits++ }()
	println(hits)
}`,
		After: `
var (
	mu   sync.Mutex
	hits int
)

func count() {
	go func() {
		mu.Lock()
		defer mu.Unlock()
		hits++
	}()
	mu.Lock()
	defer mu.Unlock()
	println(hits)
}`,
	},
	{
		Number: 2,
		Title:  "Data race in another schedule",
		What:   "The two accesses were ordered in this run, but only by chance, such as the order in which two goroutines took a lock. Another schedule of the same events, shown step by step, makes both happen at once.",
		Why:    "The scheduler may choose that schedule at any time, and then the race is real. A lock that both goroutines take protects only what is accessed while it is held.",
		Fix:    "Do not rely on who comes first: make both accesses while holding the lock, or wait for the other goroutine explicitly.",
		Before: `
var (
	mu     sync.Mutex
	config string
)

func load() {
	go func() {
		config = "ready" // before the lock is taken
		mu.Lock()
		mu.Unlock()
	}()
	mu.Lock()
	mu.Unlock()
	println(config)
}`,
		After: `
var (
	mu     sync.Mutex
	config string
)

func load() {
	go func() {
		mu.Lock()
		config = "ready"
		mu.Unlock()
	}()
	mu.Lock()
	println(config)
	mu.Unlock()
}`,
	},
	{
		Number: 10,
		Title:  "Close not ordered with a send",
		What:   "A goroutine closes a channel while another may be sending on it: nothing orders the close after the send.",
		Why:    "Had the close come first, the send would have panicked. Which of them comes first is up to the scheduler.",
		Fix:    "Let the sender close the channel, or wait for all senders before closing it.",
		Before: `
func produce(jobs chan int) {
	go func() { jobs <- 1 }()
	close(jobs)
}`,
		After: `
func produce(jobs chan int) {
	go func() {
		defer close(jobs)
		jobs <- 1
	}()
}`,
	},
	{
		Number: 11,
		Title:  "Send on a closed channel",
		What:   "A goroutine sent on a channel that had been closed.",
		Why:    "The send panics. Closing says that no more values will come, so only who knows that may do it.",
		Fix:    "Let the sender close the channel; with several senders, close it after all of them have ended.",
		Before: `
func produce(jobs chan int) {
	close(jobs)
	jobs <- 1
}`,
		After: `
func produce(jobs chan int) {
	jobs <- 1
	close(jobs)
}`,
	},
	{
		Number: 12,
		Title:  "Close of a closed channel",
		What:   "A channel was closed twice.",
		Why:    "The second close panics.",
		Fix:    "Let one goroutine own the close, or guard it with sync.Once.",
		Before: `
func stop(done chan struct{}) {
	for range 2 {
		close(done)
	}
}`,
		After: `
func stop(done chan struct{}) {
	var once sync.Once
	for range 2 {
		once.Do(func() { close(done) })
	}
}`,
	},
	{
		Number: 13,
		Title:  "Close of a nil channel",
		What:   "A channel was closed that had never been made.",
		Why:    "It panics. The goroutines that were to learn of the close wait for ever.",
		Fix:    "Make the channel where its variable is declared, or in the constructor of what holds it.",
		Before: `
type worker struct{ done chan bool }

func newWorker() *worker { return &worker{} }

func (w *worker) stop() { close(w.done) }`,
		After: `
type worker struct{ done chan bool }

func newWorker() *worker { return &worker{done: make(chan bool)} }

func (w *worker) stop() { close(w.done) }`,
	},
	{
		Number: 20,
		Title:  "Lock order cycle",
		What:   "Goroutines take the same locks in different orders.",
		Why:    "Each may come to hold the lock that the next one waits for; then all wait for ever. It did not happen in this run, or the run would not have gone on.",
		Fix:    "Take the locks in one order everywhere, or make one lock of them.",
		Before: `
var a, b sync.Mutex

func first() {
	a.Lock()
	defer a.Unlock()
	b.Lock()
	defer b.Unlock()
}

func second() {
	b.Lock()
	defer b.Unlock()
	a.Lock()
	defer a.Unlock()
}`,
		After: `
var a, b sync.Mutex

func first() {
	a.Lock()
	defer a.Unlock()
	b.Lock()
	defer b.Unlock()
}

func second() {
	a.Lock()
	defer a.Unlock()
	b.Lock()
	defer b.Unlock()
}`,
	},
	{
		Number: 21,
		Title:  "Unlock of an unlocked lock",
		What:   "A lock was unlocked that nobody had locked.",
		Why:    "It ends the program, and no recover stops that. It also means that the code before it ran without the protection it was written for.",
		Fix:    "Pair each Unlock with its Lock on every way through the function, best with defer.",
		Before: `
func add(mu *sync.Mutex, total *int, n int) {
	mu.Lock()
	if n == 0 {
		mu.Unlock()
	}
	*total += n
	mu.Unlock()
}`,
		After: `
func add(mu *sync.Mutex, total *int, n int) {
	mu.Lock()
	defer mu.Unlock()
	if n == 0 {
		return
	}
	*total += n
}`,
	},
	{
		Number: 22,
		Title:  "Read lock taken twice",
		What:   "A goroutine holds an RWMutex for reading and takes it for reading again, and another goroutine takes it for writing.",
		Why:    "A writer that waits keeps new readers out. If it comes between the two, the reader waits for the writer and the writer for the reader, for ever.",
		Fix:    "Lock once, in the outer function, and let the inner one expect the lock to be held.",
		Before: `
type table struct {
	mu   sync.RWMutex
	rows map[string]int
}

func (t *table) get(key string) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.rows[key]
}

func (t *table) both(a, b string) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.get(a) + t.get(b)
}`,
		After: `
type table struct {
	mu   sync.RWMutex
	rows map[string]int
}

func (t *table) get(key string) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.rows[key]
}

func (t *table) both(a, b string) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.rows[a] + t.rows[b]
}`,
	},
	{
		Number: 30,
		Title:  "Add not ordered with Wait",
		What:   "WaitGroup.Add was called with the counter at zero while another goroutine was in Wait, and nothing orders the two.",
		Why:    "Wait may return before the work is counted, so that what follows it runs while the work still does.",
		Fix:    "Call Add before the go statement, in the goroutine that waits, or use WaitGroup.Go, which does.",
		Before: `
func work(job func()) {
	var wg sync.WaitGroup
	go func() {
		wg.Add(1)
		defer wg.Done()
		job()
	}()
	wg.Wait()
}`,
		After: `
func work(job func()) {
	var wg sync.WaitGroup
	wg.Go(job)
	wg.Wait()
}`,
	},
	{
		Number: 31,
		Title:  "Negative WaitGroup counter",
		What:   "Done was called more often than Add had counted.",
		Why:    "It panics; and where the counter reaches zero too early, Wait returns before the work is done.",
		Fix:    "Call Done once for each unit added, in the goroutine that does the work, best with defer.",
		Before: `
func work(job func()) {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		job()
		wg.Done()
	}()
	wg.Wait()
}`,
		After: `
func work(job func()) {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		job()
	}()
	wg.Wait()
}`,
	},
	{
		Number: 40,
		Title:  "Use after free",
		What:   "Memory that the program itself declared to be free was accessed afterwards, or freed again, and the order of the two is certain.",
		Why:    "The memory may belong to somebody else by then: a value that was put back into a pool is handed to the next who asks.",
		Fix:    "Free only after the last use; forget the reference in the same place.",
		Before: `
func render(pool *sync.Pool) string {
	b := pool.Get().(*strings.Builder)
	b.WriteString("text")
	pool.Put(b)
	return b.String()
}`,
		After: `
func render(pool *sync.Pool) string {
	b := pool.Get().(*strings.Builder)
	defer pool.Put(b)
	b.WriteString("text")
	return b.String()
}`,
	},
	{
		Number: 50,
		Title:  "Blocked for ever",
		What:   "A goroutine waits for something that no other goroutine could still do: on a nil channel, for a lock whose holder waits in vain or has ended, or when all that are left wait.",
		Why:    "It leaks, with all it refers to, and whatever it was to do is not done. If it is the last one that could, the program ends with all goroutines asleep.",
		Fix:    "Make sure that the other side comes in every case: unlock on every way, and before calling what locks; make the channel before it is used; let every worker say that it is done.",
		Before: `
type account struct {
	mu      sync.Mutex
	balance int
}

func (a *account) read() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.balance
}

func (a *account) add(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.balance += n
	return a.read() // waits for the lock that add holds
}`,
		After: `
type account struct {
	mu      sync.Mutex
	balance int
}

func (a *account) add(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.balance += n
	return a.balance
}`,
	},
	{
		Number: 51,
		Title:  "Blocked at exit",
		What:   "A goroutine was still waiting when the program ended. Something might have woken it, so this may be as intended.",
		Why:    "A worker that waits for its next job is fine; one that still had something to write is not, for nobody waited for it. One that sends to a receiver who has gone is a leak: it stays, with all it refers to, as long as the program runs.",
		Fix:    "If its work matters, tell it to finish and wait for it before main returns. If nobody will come for what it sends, give the channel room for it, or let it select on being told to stop. Else suppress this note.",
		Before: `
func first(ask func() int) int {
	answers := make(chan int)
	for range 2 {
		go func() { answers <- ask() }() // the second stays
	}
	return <-answers
}`,
		After: `
func first(ask func() int) int {
	answers := make(chan int, 2)
	for range 2 {
		go func() { answers <- ask() }()
	}
	return <-answers
}`,
	},
	{
		Number: 52,
		Title:  "Never woken",
		What:   "A goroutine waits for another one, and nothing in the execution trace speaks for an end: nobody was woken at that place, or others that came there later went on before it.",
		Why:    "It may have leaked, with all it refers to. A trace without records does not tell which channel or lock it is, and the end may come after the trace.",
		Fix:    "See to it that the other side comes in every case: a channel with room for what is sent, a close, a context that is cancelled. If the wait is meant to last, suppress this note.",
		Before: `
func ask(query func() string, stop <-chan bool) string {
	answer := make(chan string)
	go func() { answer <- query() }() // waits for ever after stop
	select {
	case s := <-answer:
		return s
	case <-stop:
		return ""
	}
}`,
		After: `
func ask(query func() string, stop <-chan bool) string {
	answer := make(chan string, 1)
	go func() { answer <- query() }()
	select {
	case s := <-answer:
		return s
	case <-stop:
		return ""
	}
}`,
	},
	{
		Number: 53,
		Title:  "Waiting for each other",
		What:   "At the end of the execution trace goroutines wait, and whoever is known that could end their waits is one of them.",
		Why:    "If it is so, none of them ever goes on. A trace without records does not tell which lock or channel each waits for, so this is concluded from where they wait and from who woke whom before.",
		Fix:    "Take several locks in one order everywhere; do not send, receive or wait while holding a lock that the other side needs.",
		Before: `
type account struct {
	mu    sync.Mutex
	money int
}

func move(from, to *account, n int) {
	from.mu.Lock()
	defer from.mu.Unlock()
	to.mu.Lock() // the other way round in another goroutine
	defer to.mu.Unlock()
	from.money -= n
	to.money += n
}`,
		After: `
type account struct {
	id    int
	mu    sync.Mutex
	money int
}

func move(from, to *account, n int) {
	first, second := from, to
	if second.id < first.id {
		first, second = second, first
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	second.mu.Lock()
	defer second.mu.Unlock()
	from.money -= n
	to.money += n
}`,
	},
	{
		Number: 54,
		Title:  "Convoy",
		What:   "Many goroutines waited at one line, and went on one after the other while the rest kept waiting.",
		Why:    "What is behind that line is done by one at a time, however many processors there are, and each turn costs a switch of goroutines on top.",
		Fix:    "Hold the lock for less: compute before, do input and output after. Or divide what it protects, or let readers share it.",
		Before: `
type pages struct {
	mu   sync.Mutex
	text map[string]string
}

func (p *pages) get(name string, load func(string) string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text[name] == "" {
		p.text[name] = load(name) // all others wait meanwhile
	}
	return p.text[name]
}`,
		After: `
type pages struct {
	mu   sync.Mutex
	text map[string]string
}

func (p *pages) get(name string, load func(string) string) string {
	p.mu.Lock()
	text := p.text[name]
	p.mu.Unlock()
	if text == "" {
		text = load(name)
		p.mu.Lock()
		p.text[name] = text
		p.mu.Unlock()
	}
	return text
}`,
	},
}
