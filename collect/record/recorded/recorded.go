// Package recorded holds a recording for tests.
package recorded

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
)

//go:embed lostupdate.trace.gz
var lostupdate []byte

// Lostupdate returns a recording of samples/lostupdate, which has a race. It is
// made anew when the recorder's encoding changes.
func Lostupdate() []byte {
	z, err := gzip.NewReader(bytes.NewReader(lostupdate))
	if err != nil {
		panic(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		panic(err)
	}
	return b
}
