package toolchain

import (
	"cmp"
	"debug/dwarf"
	"encoding/binary"
	"net/url"
	"slices"
	"strings"
)

var le = binary.LittleEndian

// A Variable is a package-level variable or, of a struct or an array, one of
// the fields that it is made of: "main.stats.hits", "main.table[].name".
// Addr is the address at link time.
type Variable struct {
	Addr, Size uint64
	Name       string
}

// maxLeaves is how many fields stand for themselves before the variable, or
// the outer fields alone, stand for them.
const maxLeaves = 64

// A flattener turns variables into their fields.
type flattener struct{ data *dwarf.Data }

// variable gives the fields of a variable that lives at a fixed address.
func (f flattener) variable(e *dwarf.Entry) []Variable {
	const opAddr = 0x03
	name, _ := e.Val(dwarf.AttrName).(string)
	location, _ := e.Val(dwarf.AttrLocation).([]byte)
	offset, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
	if !ok || name == "" || len(location) < 5 || location[0] != opAddr {
		return nil
	}
	var addr uint64
	switch len(location) {
	case 9:
		addr = le.Uint64(location[1:])
	case 5:
		addr = uint64(le.Uint32(location[1:]))
	default:
		return nil
	}
	t, err := f.data.Type(offset)
	if err != nil || t.Size() <= 0 || addr == 0 {
		return nil
	}
	whole := Variable{addr, uint64(t.Size()), plainName(name)}
	for depth := 8; depth > 0; depth-- {
		if leaves, ok := flatten(nil, whole, t, depth); ok {
			return leaves
		}
	}
	return []Variable{whole}
}

// flatten appends the fields of a variable of type t, to the given depth. It
// fails if they become too many.
func flatten(leaves []Variable, v Variable, t dwarf.Type, depth int) ([]Variable, bool) {
	if len(leaves) >= maxLeaves {
		return nil, false
	}
	switch u := underlying(t).(type) {
	case *dwarf.StructType:
		if depth == 0 || opaque(u.StructName) {
			break
		}
		before := len(leaves)
		for _, field := range u.Field {
			size := field.Type.Size()
			if field.Name == "_" || size <= 0 {
				continue
			}
			var ok bool
			leaves, ok = flatten(leaves, Variable{v.Addr + uint64(field.ByteOffset), uint64(size), v.Name + "." + field.Name}, field.Type, depth-1)
			if !ok {
				return nil, false
			}
		}
		if len(leaves) > before {
			return leaves, true
		}
	case *dwarf.ArrayType:
		v.Name += "[]"
		each := u.Type.Size()
		if depth == 0 || each <= 0 || u.Count <= 0 {
			break
		}
		element := Variable{v.Addr, uint64(each), v.Name}
		first, ok := flatten(nil, element, u.Type, depth-1)
		if !ok {
			return nil, false
		}
		if len(first) == 1 && first[0].Size == uint64(each) {
			// Elements go by one name: the array is one field.
			v.Name = first[0].Name
			break
		}
		if int64(len(first)) > (maxLeaves-int64(len(leaves)))/u.Count {
			return nil, false
		}
		for i := range u.Count {
			for _, leaf := range first {
				leaf.Addr += uint64(i * each)
				leaves = append(leaves, leaf)
			}
		}
		return leaves, true
	}
	return append(leaves, v), true
}

// underlying removes names from a type.
func underlying(t dwarf.Type) dwarf.Type {
	for {
		switch named := t.(type) {
		case *dwarf.TypedefType:
			t = named.Type
		case *dwarf.QualType:
			t = named.Type
		default:
			return t
		}
	}
}

// opaque reports whether a struct's fields mean nothing to a Go program: those
// of strings, slices and interfaces, and of synchronization primitives.
func opaque(name string) bool {
	return name == "string" || strings.HasPrefix(name, "[]") ||
		strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "internal/runtime/") ||
		strings.HasPrefix(name, "sync.") || strings.HasPrefix(name, "sync/atomic.") || strings.HasPrefix(name, "internal/sync.")
}

// splitName separates a symbol's package from the name within.
func splitName(symbol string) (pkg, name string, ok bool) {
	slash := strings.LastIndexByte(symbol, '/')
	if bracket := strings.IndexByte(symbol, '['); bracket >= 0 && bracket < slash {
		slash = strings.LastIndexByte(symbol[:bracket], '/')
	}
	pkg, name, ok = strings.Cut(symbol[slash+1:], ".")
	return symbol[:slash+1] + pkg, name, ok && pkg != ""
}

// plainName undoes the linker's escapes of an import path: a dot in its last
// element is %2e there.
func plainName(symbol string) string {
	pkg, name, ok := splitName(symbol)
	if !ok || !strings.Contains(pkg, "%") {
		return symbol
	}
	if plain, err := url.PathUnescape(pkg); err == nil {
		return plain + "." + name
	}
	return symbol
}

// arrange sorts variables by address. Of those that overlap, the first given
// stays.
func arrange(vars []Variable) []Variable {
	slices.SortStableFunc(vars, func(a, b Variable) int { return cmp.Compare(a.Addr, b.Addr) })
	var list []Variable
	for _, v := range vars {
		if n := len(list); n == 0 || v.Addr >= list[n-1].Addr+list[n-1].Size {
			list = append(list, v)
		}
	}
	return list
}
