package main

import (
	"testing"
	"time"
)

func TestDescribePass(t *testing.T) {
	for _, test := range []struct {
		events     uint64
		read, size int64
		took       time.Duration
		want       string
	}{
		{0, 10, 40, 500 * time.Millisecond, "pairs 25 %"},
		{0, 10, 40, 2 * time.Second, "pairs 25 %, 6s left"},
		{30_000_000, 40, 40, 10 * time.Second, "pairs 100 %, 30000000 events, 3.0 million a second"},
		{7, 0, 0, 0, "pairs, 7 events"},
	} {
		if got := describePass("pairs", test.events, test.read, test.size, test.took); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
