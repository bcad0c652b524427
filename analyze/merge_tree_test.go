package analyze

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// drawn is a result of few names, lines and ids, so that several agree in some
// things and differ in others.
func drawn(rng *rand.Rand) *finding.Result {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	frame := func() finding.Frame {
		return finding.Frame{Func: pick("main.f", "main.g", "m.org/a.F", "dep.org/b.G", ""), File: pick("a.go", "b.go"), Line: rng.IntN(3)}
	}
	access := func() finding.Access {
		f := frame()
		a := finding.Access{Op: pick("read", "write", "atomic-store"), Goroutine: pick("g1", "g2"), Event: rng.Uint64N(2), Site: f}
		if a.Stack = []finding.Frame{f}; rng.IntN(2) == 0 {
			a.Stack = append(a.Stack, frame())
		}
		switch rng.IntN(4) {
		case 0:
			a.Source = &finding.Lines{Start: f.Line, Text: []string{"x++", "\xff"}}
		case 1:
			a.NoSource = pick("changed", "gone")
		case 2:
			a.Created = []finding.Frame{}
		}
		return a
	}
	r := &finding.Result{
		Schema: finding.Schema, Order: "model", Tool: pick("", "v1.0.0", "v1.1.0"), Redaction: pick("", "", "team", "public"),
		Coverage: finding.Coverage{
			Complete: rng.IntN(4) > 0, Instrumented: rng.IntN(4) > 0, Truncated: rng.IntN(4) == 0, Records: rng.Uint64N(9), LostSync: rng.Uint64N(2),
			NotInstrumented: []string{pick("p", "q")}, Notes: []string{pick("this", "that"), pick("this", "other")},
		},
		Runs: []finding.Run{{Program: pick("p", "q"), Module: pick("", "m.org/a", "dep.org/b"), Seconds: rng.Float64()}},
	}
	if rng.IntN(3) == 0 {
		r.Coverage.Windows = []finding.Window{{From: pick("1", "2"), To: pick("2", "3")}}
	}
	if rng.IntN(2) == 0 {
		r.Prediction = &finding.Prediction{Level: pick("fast", "deep"), Tried: rng.IntN(4), Untried: rng.Uint64N(4)}
	}
	for range rng.IntN(5) {
		x := finding.Race{
			Tier: pick("observed", "predicted"), Witness: pick("checked", "none"), Kind: pick("write-write", "read-write"),
			Object:      finding.Object{Name: pick("main.x", "main.\xfe", "8-byte object"), Allocated: []finding.Frame{frame()}},
			Occurrences: 1 + rng.Uint64N(2), Accesses: [2]finding.Access{access(), access()}, Why: pick("", "because"),
		}
		if rng.IntN(2) == 0 {
			x.First = &finding.Moment{Position: rng.Uint64N(2)}
			x.Last = &finding.Moment{Position: 2 + rng.Uint64N(2)}
		}
		r.Races = append(r.Races, x)
	}
	for range rng.IntN(4) {
		r.Findings = append(r.Findings, finding.Finding{
			Rule: pick("HB010", "HB051"), Severity: pick("error", "note"), Tier: pick("observed", "predicted"), Object: pick("c", ""),
			Message: pick("one", "another"), Occurrences: 1 + rng.Uint64N(3), Events: []finding.Access{access()},
		})
	}
	r.Finish()
	for range rng.IntN(3) {
		r.Suppressed = append(r.Suppressed, finding.Suppressed{
			ID: pick("0123456789ab", "0123456789ab-2", "ba9876543210"), Rule: "HB001", By: pick("known:1", "known:2"), Occurrences: rng.Uint64N(3),
			Sites: []finding.Frame{frame()},
		})
	}
	if rng.IntN(4) == 0 {
		o := &finding.Omitted{Part: rng.IntN(3), Before: rng.IntN(2)}
		for range rng.IntN(3) {
			x := finding.OmittedRace{ID: pick("0123456789ab", "0123456789ab-2"), Occurrences: 1 + rng.Uint64N(2), Observed: rng.IntN(2) == 0, Finding: rng.IntN(3) == 0}
			if slices.Contains(o.Named, x) {
				continue
			}
			if o.Named = append(o.Named, x); x.Finding {
				o.Findings++
				continue
			}
			o.Races++
			o.Occurrences += x.Occurrences
			if x.Observed {
				o.Observed++
			}
		}
		o.Races += rng.IntN(2) // not named
		r.Omitted = o
	}
	return r
}

// saved is a result as it is when it has been saved and read back.
func saved(t *testing.T, r *finding.Result) *finding.Result {
	t.Helper()
	var back finding.Result
	if err := json.Unmarshal(content(r.Normal()), &back); err != nil {
		t.Fatal(err)
	}
	return back.Normal()
}

// mergeTree merges results in random groups, these again in groups, and so on. What a
// group gives is saved now and then.
func mergeTree(t *testing.T, rng *rand.Rand, list []*finding.Result) *finding.Result {
	t.Helper()
	list = slices.Clone(list)
	for first := true; first || len(list) > 1; first = false {
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		var groups []*finding.Result
		for len(list) > 0 {
			n := min(len(list), 1+rng.IntN(5))
			r, err := Merge(list[:n]...)
			if err != nil {
				t.Fatal(err)
			}
			if rng.IntN(2) == 0 {
				r = saved(t, r)
			}
			groups, list = append(groups, r), list[n:]
		}
		list = groups
	}
	return list[0]
}

// Results merged along any tree give the same bytes.
func TestMergeTrees(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			var list []*finding.Result
			for range 2 + rng.IntN(12) {
				list = append(list, drawn(rng))
			}
			want := ""
			for range 20 {
				got := string(content(mergeTree(t, rng, list).Normal()))
				if want == "" {
					want = got
				}
				if got != want {
					at := 0
					for at < min(len(got), len(want)) && got[at] == want[at] {
						at++
					}
					t.Fatalf("merged otherwise:\n%.300s\n%.300s", got[max(0, at-200):], want[max(0, at-200):])
				}
			}
		})
	}
}

// What is added stays as it is, and what has been made of it does not change when
// more is added.
func TestMergerKeepsItsInputs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var m Merger
	if _, err := m.Result(); err == nil {
		t.Error("a result of nothing")
	}
	for range 20 {
		r := drawn(rng)
		before := string(content(r))
		if err := m.Add(r); err != nil {
			t.Fatal(err)
		}
		one, err := m.Result()
		if err != nil {
			t.Fatal(err)
		}
		kept := string(content(one))
		if err := m.Add(drawn(rng)); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Result(); err != nil {
			t.Fatal(err)
		}
		if string(content(r)) != before || string(content(one)) != kept {
			t.Fatal("an input or an earlier result has changed")
		}
	}
	other := drawn(rng)
	other.Order = "tsan"
	if err := m.Add(other); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Result(); err == nil || err.Error() != "results of different orders (model, tsan) cannot be merged" {
		t.Error(err)
	}
	other.Schema = "hindsight/2"
	if err := m.Add(other); err == nil {
		t.Error("another schema is accepted")
	}
}

// fill gives every field of v a value other than zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.SetMapIndex(key, value)
	default:
		panic("a result has a field of kind " + v.Kind().String())
	}
}

// Merging loses no field of a result, whatever will be added.
func TestMergeLosesNothing(t *testing.T) {
	var r finding.Result
	fill(reflect.ValueOf(&r).Elem())
	r.Omitted.Named[0].ID = "y" // is not shown
	r.Settle()
	for range 2 {
		merged, err := Merge(&r)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(content(merged)), string(content(r.Normal())); got != want {
			t.Fatalf("merged alone:\n%s\nwant\n%s", got, want)
		}
		r = *saved(t, merged)
	}
}
