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
	race, err := raceOf(result, a.race)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if race.Graph == nil {
		return 0, fmt.Errorf("%s: race %s has no graph", name, race.ID)
	}
	err = a.writeOutput(a.stdout, func(w io.Writer) error {
		return report.WriteGraph(w, format, race.Graph, []finding.Race{*race})
	})
	if err != nil {
		return 0, err
	}
	if result.Coverage.Truncated {
		a.note("the recording was cut short")
		return exitInconclusive, nil
	}
	return exitClean, nil
}

// raceOf finds a race by its id, or by what only its id begins with.
func raceOf(r *finding.Result, id string) (*finding.Race, error) {
	var found []*finding.Race
	for i := range r.Races {
		race := &r.Races[i]
		if race.ID == id {
			return race, nil
		}
		if strings.HasPrefix(race.ID, id) {
			found = append(found, race)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no race %.100q", id)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%d races have ids that begin with %.100q", len(found), id)
}
