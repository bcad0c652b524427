package report

import (
	"reflect"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// normalize returns a deep copy of r in the order that every format shows (see
// [finding.Result.Sort]), with no list nil and all text valid UTF-8, as it will be
// when it is read back. Normalizing twice is the same as once.
func normalize(r *finding.Result) *finding.Result {
	n := *r
	tidy(reflect.ValueOf(&n).Elem())
	n.Sort()
	return &n
}

// tidy replaces all that v refers to by a copy with no list nil and no text invalid.
func tidy(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(validText(v.String()))
	case reflect.Struct:
		for i := range v.NumField() {
			tidy(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			tidy(v.Index(i))
		}
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(list, v)
		for i := range list.Len() {
			tidy(list.Index(i))
		}
		v.Set(list)
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		target := reflect.New(v.Type().Elem())
		target.Elem().Set(v.Elem())
		tidy(target.Elem())
		v.Set(target)
	}
}

func tierRank(tier string) int {
	if tier == "observed" {
		return 0
	}
	return 1
}
