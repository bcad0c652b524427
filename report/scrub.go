package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/collect/machine"
)

// A scrubber finds and replaces what names a machine or its user: home
// directories as the beginnings of paths, user@host, and host names as whole
// words. It knows of them nothing but hashes.
type scrubber struct {
	machines []*machine.Names
	known    map[string]bool // whether a text is such a name, by what it was taken for and the text
	hits     [3]int
}

// What a text may be taken for.
const (
	homeName = iota
	userName
	hostName
)

var nameMarks = [...]string{"[home]", "[user@host]", "[host]"}

func newScrubber(r *finding.Result, here *machine.Names) *scrubber {
	s := &scrubber{known: map[string]bool{}}
	for i := range r.Runs {
		if m := r.Runs[i].Machine; m != nil {
			s.machines = append(s.machines, m)
		}
	}
	if here != nil {
		s.machines = append(s.machines, here)
	}
	return s
}

// is reports whether text names a machine or user in that way.
func (s *scrubber) is(kind int, text string) bool {
	key := nameMarks[kind] + text
	known, ok := s.known[key]
	if !ok {
		for _, m := range s.machines {
			list := [...][]string{m.Homes, m.Users, m.Hosts}[kind]
			known = known || len(list) > 0 && slices.Contains(list, m.Hash(text))
		}
		if len(s.known) < 1<<20 {
			s.known[key] = known
		}
	}
	return known
}

var (
	userHost = regexp.MustCompile(`[\pL\pN._%+-]+@[\pL\pN.-]*[\pL\pN]`)
	hostWord = regexp.MustCompile(`[\pL\pN]+(?:[.-][\pL\pN]+)*`)
)

// scrub replaces all that it finds in text.
func (s *scrubber) scrub(text string) string {
	if len(s.machines) == 0 {
		return text
	}
	text = s.homes(text)
	if strings.Contains(text, "@") {
		text = userHost.ReplaceAllStringFunc(text, func(name string) string {
			if !s.is(userName, name) {
				return name
			}
			s.hits[userName]++
			return nameMarks[userName]
		})
	}
	return hostWord.ReplaceAllStringFunc(text, s.host)
}

// last replaces what the last look at a rendered report still finds: in its
// bytes a host's name may be a word of ours, a home directory never is.
func (s *scrubber) last(text string) string {
	if len(s.machines) == 0 {
		return text
	}
	return s.homes(text)
}

// A home directory may be so many folders deep, and have so many spaces and other
// signs in its name.
const (
	maxDepth = 6
	maxSigns = 4
)

// homes replaces home directories at the beginnings of paths.
func (s *scrubber) homes(text string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(text); i++ {
		drive := i+2 < len(text) && text[i+1] == ':' && (text[i+2] == '\\' || text[i+2] == '/') && letter(text[i])
		if text[i] != '/' && !drive || i > 0 && (letter(text[i-1]) || strings.IndexByte("._-~/\\", text[i-1]) >= 0) {
			continue
		}
		if end := s.home(text, i); end > 0 {
			b.WriteString(text[done:i])
			b.WriteString(nameMarks[homeName])
			s.hits[homeName]++
			done, i = end, end-1
		}
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// home returns where the home directory that begins at i ends, or 0.
func (s *scrubber) home(text string, i int) int {
	depth, signs := 0, 0
	for j := i + 1; j <= len(text) && j-i < 256; j++ {
		if j < len(text) && (letter(text[j]) || strings.IndexByte("._-~", text[j]) >= 0 || text[j] >= 0x80) {
			continue
		}
		if j > i+1 && text[j-1] != ':' && s.is(homeName, slashes(text[i:j])) {
			return j
		}
		if j == len(text) || strings.IndexByte("\"'<>|\n", text[j]) >= 0 {
			break
		}
		if text[j] == '/' || text[j] == '\\' {
			depth++
		} else {
			signs++
		}
		if depth > maxDepth || signs > maxSigns {
			break
		}
	}
	return 0
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' }

// host replaces host names within a word, which may have dots and dashes: any
// part between these may be one.
func (s *scrubber) host(word string) string {
	var ends []int // of the parts
	for i := range len(word) {
		if word[i] == '.' || word[i] == '-' {
			ends = append(ends, i)
		}
	}
	ends = append(ends, len(word))
	from := 0
	for first := range ends {
		for last := min(len(ends), first+8) - 1; last >= first; last-- {
			name := word[from:ends[last]]
			if len(name) < machine.MinHost || !s.is(hostName, name) && !s.is(hostName, strings.ToLower(name)) {
				continue
			}
			s.hits[hostName]++
			return word[:from] + nameMarks[hostName] + s.host(word[ends[last]:])
		}
		from = ends[first] + 1
	}
	return word
}

// note says how much was replaced, or "".
func (s *scrubber) note() string {
	var parts []string
	for kind, noun := range [...]string{"home directory", "user@host", "host name"} {
		if n := s.hits[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s (now %s)", count(n, noun), nameMarks[kind]))
		}
	}
	if parts == nil {
		return ""
	}
	return "Redaction found and replaced: " + strings.Join(parts, ", ") + "."
}
