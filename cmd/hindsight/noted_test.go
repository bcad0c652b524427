package main

import (
	"strings"
	"testing"
)

// What only input and output orders is told in every format, and is no finding.
func TestNoted(t *testing.T) {
	files(t, map[string]string{
		"x.hbt": "main go g\nmain write x @a.go:1\nmain io-write p\ng io-read p\ng write x @b.go:2\n",
	})
	for _, format := range []string{"text", "json", "html", "markdown", "sarif"} {
		for order, want := range map[string]int{"model": exitClean, "strict": exitFound} {
			status, out, stderr := call("", "analyze", "--order="+order, "--format="+format, "x.hbt")
			if status != want || strings.Contains(out, "ordered only by input and output: a.go:1 and b.go:2; --order=strict reports it") != (order == "model") {
				t.Errorf("%s, %s: status %d, want %d\n%s%s", format, order, status, want, out, stderr)
			}
		}
	}
}
