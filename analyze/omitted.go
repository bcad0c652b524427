package analyze

import "github.com/hindsight-go/hindsight/analyze/finding"

// omitted adds up what pages left out. What one page left out and named another
// may name as well, or show: that counts once, or not at all. (Only here order can
// matter: two pages may show one pair of lines under different ids, that is called
// from different functions, of which a merge keeps one.)
type omitted struct {
	first *finding.Omitted // of the first input that has one
	named []finding.OmittedRace
	seen  map[finding.OmittedRace]bool // is named
	rest  finding.Omitted              // what is counted beyond those named
}

func (m *omitted) add(o *finding.Omitted) {
	if o == nil {
		return
	}
	if m.first == nil {
		m.first, m.seen = o, map[finding.OmittedRace]bool{}
	}
	rest := *o
	for _, x := range o.Named {
		if !m.seen[x] {
			m.seen[x] = true
			m.named = append(m.named, x)
		}
		if x.Finding {
			rest.Findings--
			continue
		}
		rest.Races--
		rest.Occurrences -= min(rest.Occurrences, x.Occurrences)
		if x.Observed {
			rest.Observed--
		}
	}
	m.rest.Races += max(0, rest.Races)
	m.rest.Observed += max(0, rest.Observed)
	m.rest.Occurrences += rest.Occurrences
	m.rest.Findings += max(0, rest.Findings)
	m.rest.Schedules += rest.Schedules
}

// result is what is still left out of a result made of a number of inputs.
func (m *omitted) result(inputs int, shown *finding.Result) *finding.Omitted {
	if m.first == nil {
		return nil
	}
	ids := map[string]bool{}
	for _, e := range shown.Entries() {
		ids[e.ID] = true
	}
	sum := m.rest
	sum.Named = []finding.OmittedRace{}
	for _, x := range m.named {
		if ids[x.ID] {
			continue
		}
		if sum.Named = append(sum.Named, x); x.Finding {
			sum.Findings++
			continue
		}
		sum.Races++
		sum.Occurrences += x.Occurrences
		if x.Observed {
			sum.Observed++
		}
	}
	if sum.Races == 0 && sum.Findings == 0 && sum.Schedules == 0 {
		return nil
	}
	if inputs > 1 {
		sortByContent(sum.Named)
	} else { // a page by itself is still a part of its pages
		sum.Before, sum.Part = m.first.Before, m.first.Part
	}
	return &sum
}
