package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// maxResult is how large a saved result may be, in bytes.
const maxResult = 1 << 30

// ReadJSON reads a result that [Write] wrote as JSON. It is an error if r holds
// more than one gigabyte, another schema or anything after the result.
func ReadJSON(r io.Reader) (*finding.Result, error) {
	data, err := readBounded(r)
	if err != nil {
		return nil, err
	}
	return parse(data)
}

// ReadHTML reads the result that a page of ours holds.
func ReadHTML(r io.Reader) (*finding.Result, error) {
	page, err := readBounded(r)
	if err != nil {
		return nil, err
	}
	// Markup in the result's own text is escaped, so the first match is ours.
	_, rest, found := bytes.Cut(page, []byte(dataStart))
	data, _, closed := bytes.Cut(rest, []byte(dataEnd))
	if !found || !closed {
		return nil, errors.New("not a hindsight page, or cut short: it holds no result")
	}
	return parse(data)
}

// The page's element that holds the result.
const (
	dataStart = `<script type="application/json" id="hindsight-result">`
	dataEnd   = `</script>`
)

func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxResult+1))
	if err == nil && len(data) > maxResult {
		err = fmt.Errorf("saved result is larger than %d bytes", maxResult)
	}
	return data, err
}

func parse(data []byte) (*finding.Result, error) {
	// The schema first: of another version nothing else need fit.
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("saved result: %w", err)
	}
	if head.Schema != finding.Schema {
		return nil, fmt.Errorf("saved result has schema %q, this version reads %q", Visible(head.Schema), finding.Schema)
	}
	var result finding.Result
	if err := json.Unmarshal(data, &result); err != nil {
		return nil, fmt.Errorf("saved result: %w", err)
	}
	switch result.Verdict {
	case finding.Races, finding.Findings, finding.None, finding.Inconclusive:
	default:
		return nil, fmt.Errorf("saved result has the unknown verdict %q", Visible(result.Verdict))
	}
	return result.Normal(), nil
}
