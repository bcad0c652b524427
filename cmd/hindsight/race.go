package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
)

// drawRace writes the part of the happens-before graph around one race, of a
// recording or of a saved result.
func (a *app) drawRace(name string, format report.Format) (int, error) {
	result, problems := a.analyze([]string{name})
	if result == nil {
		return 0, errors.Join(problems...)
	}
	graph, races, err := graphOf(result, a.race)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	err = a.writeOutput(a.stdout, func(w io.Writer) error { return report.WriteGraph(w, format, graph, races) })
	if err != nil {
		return 0, err
	}
	if result.Coverage.Truncated {
		a.note("the recording was cut short")
		return exitInconclusive, nil
	}
	return exitClean, nil
}

// graphOf finds the graph of a race or a finding by its id, or by what only its id
// begins with. A race comes with it.
func graphOf(r *finding.Result, id string) (*finding.Graph, []finding.Race, error) {
	ids := []string{}
	for _, e := range r.Entries() {
		if e.ID == id {
			ids = []string{id}
			break
		}
		if strings.HasPrefix(e.ID, id) {
			ids = append(ids, e.ID)
		}
	}
	switch len(ids) {
	case 0:
		return nil, nil, fmt.Errorf("there is no race or finding %.100q", id)
	case 1:
	default:
		return nil, nil, fmt.Errorf("%d races and findings have ids that begin with %.100q", len(ids), id)
	}
	var graph *finding.Graph
	var races []finding.Race
	for i := range r.Races {
		if race := &r.Races[i]; race.ID == ids[0] {
			graph, races = race.Graph, r.Races[i:i+1]
		}
	}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.ID == ids[0] {
			graph = f.Graph
		}
	}
	if graph == nil {
		return nil, nil, fmt.Errorf("%s has no graph", ids[0])
	}
	return graph, races, nil
}
