package report

import (
	"encoding/json"
	"io"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// writeJSON writes the stored form: the result itself, all of it.
func writeJSON(w io.Writer, r *finding.Result, _ Options) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	return e.Encode(r)
}
