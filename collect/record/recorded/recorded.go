// Package recorded holds recordings for tests. They are made anew when the recorder's
// encoding changes, of programs built with -trimpath.
package recorded

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
)

//go:embed lostupdate.trace.gz
var lostupdate []byte

// Lostupdate returns a recording of samples/lostupdate, which has a race.
func Lostupdate() []byte { return unzip(lostupdate) }

//go:embed ranges.trace.gz
var ranges []byte

// Ranges returns a recording, with HINDSIGHT_RECORD=shared:0, of what
// cmd/hindsight/testdata/ranges does 30 times. It has copies, runs and
// what is expected of all kinds.
func Ranges() []byte { return unzip(ranges) }

func unzip(b []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		panic(err)
	}
	b, err = io.ReadAll(z)
	if err != nil {
		panic(err)
	}
	return b
}
