package finding

import (
	"reflect"
	"unicode/utf8"
)

// Normal returns a deep copy of r in its order (see [Result.Sort]), with no list
// nil and all text valid UTF-8, as it will be when it has been saved and read back.
// To do so twice is the same as once.
func (r *Result) Normal() *Result {
	n := *r
	tidy(reflect.ValueOf(&n).Elem())
	n.Sort()
	return &n
}

// tidy replaces all that v refers to by a copy with no list nil and no text invalid.
func tidy(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(ValidText(v.String()))
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

// ValidText is s with U+FFFD for every byte that is not UTF-8, as in the stored form.
func ValidText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
