//go:build go1.21

// The build constraint makes this a file of Go 1.21, when all turns of a loop
// shared one variable.

package main

var loops = []litmus{
	{"55-captured-loop-variable-race", race, "heap", func() {
		var seen [2]int
		for i := 0; i < len(seen); i++ { //55
			slot := &seen[i]
			first(func() { *slot = i }) //55
		}
	}},
}
