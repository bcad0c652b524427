package report

import "testing"

func TestProse(t *testing.T) {
	for in, want := range map[string]string{
		`The last is "go g19" by g1 at a.go:3. g19 holds mu, g1 none (g19).`: `The last is "go g19" by the main goroutine at a.go:3. Goroutine 19 holds mu, the main goroutine none (goroutine 19).`,
		"starts g2 at g1:0":     "starts goroutine 2 at g1:0",
		"g7":                    "Goroutine 7",
		"write main.g2 by g x2": "write main.g2 by g x2",
		"g1 g2 g3":              "The main goroutine goroutine 2 goroutine 3",
		"":                      "",
	} {
		if got := prose(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
