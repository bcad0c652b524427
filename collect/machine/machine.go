// Package machine holds what names a machine and its user, as salted hashes:
// with a recording they travel to where a report is written, so that it can be
// searched for these names without anybody being told them.
package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
)

// Names are hashes: the first 16 hex digits of SHA-256 over salt and text.
type Names struct {
	Salt  string   `json:"salt"`
	Homes []string `json:"homes"` // home directories, absolute paths without a slash at the end
	Users []string `json:"users"` // user@host
	Hosts []string `json:"hosts"` // host names, of MinHost bytes or more
}

// MinHost is how long a host name must be to be looked for: shorter ones are
// words of other meanings too often.
const MinHost = 4

// This gives the names of this machine and of the user of this process.
func This(salt string) *Names {
	var homes, users []string
	if home, err := os.UserHomeDir(); err == nil {
		homes = append(homes, home)
	}
	host, _ := os.Hostname()
	short, _, _ := strings.Cut(host, ".")
	if u, err := user.Current(); err == nil {
		homes = append(homes, u.HomeDir)
		users = append(users, u.Username+"@"+host, u.Username+"@"+short)
	}
	return New(salt, homes, users, []string{host, short})
}

// New hashes names, without those that would be found everywhere.
func New(salt string, homes, users, hosts []string) *Names {
	n := &Names{Salt: salt}
	hash := func(list []string, usable func(string) bool) []string {
		hashes := []string{}
		for _, s := range list {
			if usable(s) {
				hashes = append(hashes, n.Hash(s))
			}
		}
		slices.Sort(hashes)
		return slices.Compact(hashes)
	}
	for i, home := range homes {
		homes[i] = strings.TrimRight(filepath.ToSlash(home), "/")
	}
	n.Homes = hash(homes, func(s string) bool { return len(s) > 1 })
	n.Users = hash(users, func(s string) bool { return !strings.HasPrefix(s, "@") && !strings.HasSuffix(s, "@") })
	n.Hosts = hash(hosts, func(s string) bool { return len(s) >= MinHost && s != "localhost" })
	return n
}

// Hash is the hash of a text.
func (n *Names) Hash(text string) string {
	sum := sha256.Sum256([]byte(n.Salt + "\x00" + text))
	return hex.EncodeToString(sum[:8])
}
