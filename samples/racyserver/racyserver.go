// Racyserver is an HTTP server with an unlocked counter. It prints its address,
// serves until it gets SIGTERM, and dies of it as any server would.
//
// Expect: race main.visits racyserver.go:28 racyserver.go:28
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
)

// visits counts, without a lock.
//
//lint:ignore U1000 nobody looks at it, which is no excuse
var visits int

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s/\n", listener.Addr())
	log.Fatal(http.Serve(listener, http.HandlerFunc(visit)))
}

func count() { visits++ }

func visit(w http.ResponseWriter, r *http.Request) {
	count()
	fmt.Fprintln(w, "welcome")
}
