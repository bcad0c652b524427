package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
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
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string       `json:"id"`
		Short sarifMessage `json:"shortDescription"`
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
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifMessage      `json:"message"`
		Locations    []sarifLocation   `json:"locations,omitempty"`
		Related      []sarifLocation   `json:"relatedLocations,omitempty"`
		CodeFlows    []sarifCodeFlow   `json:"codeFlows,omitempty"`
		Stacks       []sarifStack      `json:"stacks,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Occurrences  uint64            `json:"occurrenceCount,omitempty"`
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
	root := sarifRoot(r)
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "Hindsight"}},
		Invocations: []sarifInvocation{{Successful: true}},
		Results:     []sarifResult{},
		ColumnKind:  "unicodeCodePoints",
	}
	rules := &run.Tool.Driver.Rules
	*rules = []sarifRule{
		{"HB001", sarifMessage{"Data race: two conflicting accesses that nothing orders."}},
		{"HB002", sarifMessage{"Predicted data race: another schedule of the same events makes two conflicting accesses unordered."}},
	}
	for i := range r.Races {
		run.Results = append(run.Results, root.race(&r.Races[i]))
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		index := slices.IndexFunc(*rules, func(rule sarifRule) bool { return rule.ID == f.Rule })
		if index < 0 {
			index = len(*rules)
			*rules = append(*rules, sarifRule{Visible(f.Rule), sarifMessage{"Misuse of synchronization (" + Visible(f.Rule) + ")."}})
		}
		run.Results = append(run.Results, root.finding(f, index))
	}
	notify := func(level, text string) {
		notes := &run.Invocations[0].Notifications
		*notes = append(*notes, sarifNotification{level, sarifMessage{visibleText(text)}})
	}
	v := verdictOf(r)
	notify("note", v.Headline+". "+v.Detail)
	for _, note := range coverageNotes(r.Coverage) {
		notify("note", note)
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

func (root sarifPaths) race(r *finding.Race) sarifResult {
	earlier, later := r.Accesses[0], r.Accesses[1]
	rule, index := "HB001", 0
	if r.Tier != "observed" {
		rule, index = "HB002", 1
	}
	text := fmt.Sprintf("Data race on %s: %s by %s is not ordered with [%s at %s](1) by %s.",
		sarifText(objectName(r.Object)), opName(later.Op), sarifText(goroutineName(later.Goroutine)),
		sarifText(opName(earlier.Op)), sarifText(place(earlier.Site)), sarifText(goroutineName(earlier.Goroutine)))
	if r.Why != "" {
		text += " " + sarifText(visibleText(r.Why))
	}
	related := root.location(earlier.Site, "previous "+opName(earlier.Op))
	related.ID = 1
	result := sarifResult{
		RuleID: rule, RuleIndex: index, Level: "error", Message: sarifMessage{text},
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

func (root sarifPaths) finding(f *finding.Finding, rule int) sarifResult {
	level := "note"
	if f.Severity == "error" {
		level = "error"
	}
	result := sarifResult{
		RuleID: Visible(f.Rule), RuleIndex: rule, Level: level,
		Message:      sarifMessage{sarifText(capital(visibleText(f.Message))) + "."},
		Fingerprints: map[string]string{"hindsightRaceId/v1": Visible(f.ID)},
		Occurrences:  f.Occurrences,
	}
	for i, a := range f.Events {
		l := root.location(a.Site, opName(a.Op)+" by "+goroutineName(a.Goroutine))
		if i == 0 {
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

// sarifPaths makes files relative to the main module, since services look
// them up in a repository.
type sarifPaths struct{ folders []string }

// sarifRoot finds the folders of the main modules: a frame's file ends with
// the part of its package below the module's path.
func sarifRoot(r *finding.Result) sarifPaths {
	var root sarifPaths
	see := func(f finding.Frame) {
		for _, run := range r.Runs {
			below, ok := strings.CutPrefix(packageOf(f.Func), run.Module)
			if !ok || run.Module == "" || below != "" && below[0] != '/' {
				continue
			}
			folder := slashes(f.File)
			folder = folder[:strings.LastIndexByte(folder, '/')+1]
			folder, ok = strings.CutSuffix(folder, below+"/")
			if ok && folder != "" && !slices.Contains(root.folders, folder+"/") {
				root.folders = append(root.folders, folder+"/")
			}
		}
	}
	for _, race := range r.Races {
		for _, a := range race.Accesses {
			for _, f := range a.Stack {
				see(f)
			}
			for _, f := range a.Created {
				see(f)
			}
		}
	}
	return root
}

func slashes(file string) string { return strings.ReplaceAll(file, `\`, "/") }

// uri is a relative reference for a file: below the main module, GOROOT or a
// module's folder where it is there, else its name.
func (root sarifPaths) uri(file string) string {
	file = slashes(file)
	relative := base(file)
	if _, below, ok := strings.Cut(file, "/pkg/mod/"); ok {
		relative = "pkg/mod/" + below
	} else if i := strings.LastIndex(file, "/src/"); i >= 0 {
		relative = file[i+1:]
	}
	for _, folder := range root.folders {
		if below, ok := strings.CutPrefix(file, folder); ok {
			relative = below
		}
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
