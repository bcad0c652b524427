package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/rule"
)

// SARIF 2.1.0, as much of it as a race needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
		ColumnKind  string            `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		URI     string      `json:"informationUri"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string       `json:"id"`
		Name  string       `json:"name,omitempty"`
		Short sarifMessage `json:"shortDescription"`
		Full  sarifMessage `json:"fullDescription"`
		Help  *sarifHelp   `json:"help,omitempty"`
	}
	sarifHelp struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string       `json:"level"`
		Message sarifMessage `json:"message"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifMessage       `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Related      []sarifLocation    `json:"relatedLocations,omitempty"`
		CodeFlows    []sarifCodeFlow    `json:"codeFlows,omitempty"`
		Stacks       []sarifStack       `json:"stacks,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Occurrences  uint64             `json:"occurrenceCount,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification,omitempty"`
	}
	sarifCodeFlow struct {
		ThreadFlows []sarifThreadFlow `json:"threadFlows"`
	}
	sarifThreadFlow struct {
		ID        string          `json:"id"`
		Locations []sarifFlowStep `json:"locations"`
	}
	sarifFlowStep struct {
		Location sarifLocation `json:"location"`
	}
	sarifStack struct {
		Message sarifMessage `json:"message"`
		Frames  []sarifFrame `json:"frames"`
	}
	sarifFrame struct {
		Location sarifLocation `json:"location"`
	}
	sarifLocation struct {
		ID       int            `json:"id,omitempty"`
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifMessage  `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
)

// What code scanning services accept at most.
const (
	sarifMaxResults = 5000
	sarifMaxFrames  = 100
)

// writeSARIF writes a result per race and finding.
func writeSARIF(w io.Writer, r *finding.Result, _ Options) error {
	root := sarifPaths{pathsOf(r)}
	run := sarifRun{
		Tool: sarifTool{sarifDriver{
			Name: "Hindsight", Version: Visible(r.Tool), URI: "https://github.com/hindsight-go/hindsight", Rules: []sarifRule{},
		}},
		Invocations: []sarifInvocation{{Successful: true}},
		Results:     []sarifResult{},
		ColumnKind:  "unicodeCodePoints",
	}
	rules := sarifRules{list: &run.Tool.Driver.Rules}
	for i := range r.Races {
		run.Results = append(run.Results, root.race(&r.Races[i], rules))
	}
	for i := range r.Findings {
		run.Results = append(run.Results, root.finding(&r.Findings[i], rules))
	}
	for i := range r.Suppressed {
		run.Results = append(run.Results, root.suppressed(&r.Suppressed[i], rules))
	}
	notify := func(level, text string) {
		notes := &run.Invocations[0].Notifications
		*notes = append(*notes, sarifNotification{level, sarifMessage{visibleText(text)}})
	}
	v := verdictOf(r)
	notify("note", v.Headline+". "+v.Detail)
	for _, note := range runNotes(r) {
		notify("note", note)
	}
	if text := redactionText(r.Redaction); text != "" {
		notify("note", text)
	}
	if n := len(run.Results); n > sarifMaxResults {
		notify("warning", fmt.Sprintf("Only the first %d of %d results are in this file.", sarifMaxResults, n))
		run.Results = run.Results[:sarifMaxResults]
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	return e.Encode(sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

func (root sarifPaths) race(r *finding.Race, rules sarifRules) sarifResult {
	earlier, later := r.Accesses[0], r.Accesses[1]
	id := rule.Race(r.Tier)
	text := fmt.Sprintf("Data race on %s: %s by %s is not ordered with [%s at %s](1) by %s.",
		sarifText(objectName(r.Object)), opName(later.Op), sarifText(goroutineName(later.Goroutine)),
		sarifText(opName(earlier.Op)), sarifText(place(earlier.Site)), sarifText(goroutineName(earlier.Goroutine)))
	for _, more := range []string{prose(r.Why), missing(r)} {
		if more != "" {
			text += " " + sarifText(more)
		}
	}
	related := root.location(earlier.Site, "previous "+opName(earlier.Op))
	related.ID = 1
	result := sarifResult{
		RuleID: id, RuleIndex: rules.index(id), Level: "error", Message: sarifMessage{text},
		Locations:    []sarifLocation{root.location(later.Site, opName(later.Op))},
		Related:      []sarifLocation{related},
		Fingerprints: map[string]string{"hindsightRaceId/v1": Visible(r.ID)},
		Occurrences:  r.Occurrences,
	}
	var flow sarifCodeFlow
	for _, a := range []finding.Access{earlier, later} {
		result.Stacks = append(result.Stacks, root.stack(a))
		thread := sarifThreadFlow{ID: Visible(a.Goroutine)}
		if len(a.Created) > 0 {
			thread.Locations = append(thread.Locations, sarifFlowStep{root.location(a.Created[0], goroutineName(a.Goroutine)+" created")})
		}
		thread.Locations = append(thread.Locations, sarifFlowStep{root.location(a.Site, opName(a.Op)+" of "+objectName(r.Object))})
		flow.ThreadFlows = append(flow.ThreadFlows, thread)
	}
	result.CodeFlows = []sarifCodeFlow{flow}
	return result
}

func (root sarifPaths) finding(f *finding.Finding, rules sarifRules) sarifResult {
	level := "note"
	if f.Severity == "error" {
		level = "error"
	}
	result := sarifResult{
		RuleID: Visible(f.Rule), RuleIndex: rules.index(f.Rule), Level: level,
		Locations:    []sarifLocation{},
		Message:      sarifMessage{sarifText(capital(prose(f.Message))) + "."},
		Fingerprints: map[string]string{"hindsightRaceId/v1": Visible(f.ID)},
		Occurrences:  f.Occurrences,
	}
	for i, a := range f.Events {
		l := root.location(a.Site, opName(a.Op)+" by "+goroutineName(a.Goroutine))
		if l.ID = i; i == 0 {
			result.Locations = append(result.Locations, l)
		} else {
			result.Related = append(result.Related, l)
		}
		if len(a.Stack) > 0 {
			result.Stacks = append(result.Stacks, root.stack(a))
		}
	}
	return result
}

// sarifText is s, visible already, as text of a message, where brackets would link.
func sarifText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(s)
}

func (root sarifPaths) stack(a finding.Access) sarifStack {
	s := sarifStack{
		Message: sarifMessage{sarifText(fmt.Sprintf("%s by %s", capital(opName(a.Op)), goroutineName(a.Goroutine)))},
		Frames:  []sarifFrame{},
	}
	for _, f := range a.Stack[:min(len(a.Stack), sarifMaxFrames)] {
		s.Frames = append(s.Frames, sarifFrame{root.location(f, "")})
	}
	return s
}

func (root sarifPaths) location(f finding.Frame, message string) sarifLocation {
	l := sarifLocation{Physical: &sarifPhysical{Artifact: sarifArtifact{root.uri(f.File)}}}
	if f.Line > 0 {
		l.Physical.Region = &sarifRegion{f.Line}
	}
	if f.Func != "" {
		l.Logical = []sarifLogical{{Visible(f.Func), "function"}}
	}
	if message != "" {
		l.Message = &sarifMessage{sarifText(message)}
	}
	return l
}

// sarifRules are the rules of a run, those that its results name.
type sarifRules struct{ list *[]sarifRule }

// index returns where a rule is in the list, which it adds it to.
func (rules sarifRules) index(id string) int {
	id = Visible(id)
	if at := slices.IndexFunc(*rules.list, func(known sarifRule) bool { return known.ID == id }); at >= 0 {
		return at
	}
	entry := sarifRule{ID: id, Short: sarifMessage{"Misuse of synchronization (" + id + ")."}}
	entry.Full = entry.Short
	if known, ok := rule.Get(id); ok {
		entry.Short = sarifMessage{known.Title + "."}
		entry.Full = sarifMessage{known.What + " " + known.Why}
		entry.Help = &sarifHelp{Text: Rule(known), Markdown: ruleMarkdown(known)}
	}
	*rules.list = append(*rules.list, entry)
	return len(*rules.list) - 1
}

// ruleMarkdown is a rule as Markdown.
func ruleMarkdown(r rule.Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n%s\n\n%s\n\n", mdText(r.Title), mdText(r.What), mdText(r.Why), mdText(r.Fix))
	b.WriteString("With the mistake:\n\n")
	mdFence(&b, "go", strings.TrimSpace(r.Before)+"\n")
	b.WriteString("Without it:\n\n")
	mdFence(&b, "go", strings.TrimSpace(r.After)+"\n")
	return b.String()
}

// suppressed is a result that a suppression of the user's hides.
func (root sarifPaths) suppressed(s *finding.Suppressed, rules sarifRules) sarifResult {
	index := rules.index(s.Rule)
	result := sarifResult{
		RuleID: Visible(s.Rule), RuleIndex: index, Level: "none",
		Message:      sarifMessage{sarifText(fmt.Sprintf("%s on %s, suppressed by %s.", (*rules.list)[index].ID, Visible(s.Object), Visible(s.By)))},
		Locations:    []sarifLocation{},
		Fingerprints: map[string]string{"hindsightRaceId/v1": Visible(s.ID)},
		Occurrences:  s.Occurrences,
		Suppressions: []sarifSuppression{{"external", visibleText(s.Reason)}},
	}
	for i, f := range s.Sites {
		l := root.location(f, "")
		if l.ID = i; i == 0 {
			result.Locations = append(result.Locations, l)
		} else {
			result.Related = append(result.Related, l)
		}
	}
	return result
}

// sarifPaths makes files relative to the main module, since services look
// them up in a repository.
type sarifPaths struct{ paths }

// uri is a relative reference for a file: below the main module, GOROOT or a
// module's folder where it is there, else its name.
func (root sarifPaths) uri(file string) string {
	file = slashes(file)
	relative := file
	if below, ok := root.below(file); ok {
		relative = below
	} else if _, below, ok := strings.Cut(file, "/pkg/mod/"); ok {
		relative = "pkg/mod/" + below
	} else if i := strings.LastIndex(file, "/src/"); i >= 0 {
		relative = file[i+1:]
	} else if absolute(file) {
		relative = base(file)
	}
	var parts []string
	for _, part := range strings.Split(Visible(relative), "/") {
		switch part {
		case "", ".", "..": // no way out of the repository
			continue
		}
		parts = append(parts, url.PathEscape(part))
	}
	if len(parts) == 0 {
		return "unknown"
	}
	if first := parts[0]; strings.Contains(first, ":") { // would be a scheme
		parts[0] = strings.ReplaceAll(first, ":", "%3A")
	}
	return strings.Join(parts, "/")
}
