package machine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNew(t *testing.T) {
	n := New("salt", []string{"/home/ana/", `/`, "", "/home/ana"}, []string{"ana@host", "@host", "ana@"}, []string{"host", "vm", "localhost", "host"})
	if want := []string{n.Hash("/home/ana")}; !slices.Equal(n.Homes, want) {
		t.Errorf("homes %q, want %q", n.Homes, want)
	}
	if want := []string{n.Hash("ana@host")}; !slices.Equal(n.Users, want) {
		t.Errorf("users %q, want %q", n.Users, want)
	}
	if want := []string{n.Hash("host")}; !slices.Equal(n.Hosts, want) {
		t.Errorf("hosts %q, want %q", n.Hosts, want)
	}
	if other := New("pepper", nil, nil, []string{"host"}); slices.Equal(other.Hosts, n.Hosts) {
		t.Error("the salt makes no difference")
	}
}

func TestThis(t *testing.T) {
	n := This("salt")
	home, err := os.UserHomeDir()
	if home = strings.TrimRight(filepath.ToSlash(home), "/"); err == nil && len(home) > 1 && !slices.Contains(n.Homes, n.Hash(home)) {
		t.Errorf("%s is not among the home directories", home)
	}
	if host, err := os.Hostname(); err == nil && len(host) >= MinHost && host != "localhost" && !slices.Contains(n.Hosts, n.Hash(host)) {
		t.Errorf("%s is not among the hosts", host)
	}
}
