// Httpcache is an HTTP server that counts its requests and remembers its last
// answer without a lock, and two clients of it. It stops by itself.
//
// Expect: race main.cache.hits httpcache.go:45 httpcache.go:45
// Expect: race main.cache.last httpcache.go:46 httpcache.go:46
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
)

const clients = 2

var cache struct {
	hits int
	last string
}

// both lets a request go on once all clients' requests are in the handler, as
// happens under load.
var both sync.WaitGroup

func main() {
	both.Add(clients)
	server := httptest.NewServer(http.HandlerFunc(handle))
	defer server.Close()

	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() { get(fmt.Sprint(server.URL, "/", i)) })
	}
	wg.Wait()
}

func handle(w http.ResponseWriter, r *http.Request) {
	answer := "you asked for " + r.URL.Path
	both.Done()
	both.Wait()

	cache.hits++
	cache.last = answer
	fmt.Fprintln(w, answer)
}

func get(url string) {
	resp, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		log.Fatal(err)
	}
}
