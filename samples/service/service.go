// Service is a small shop over HTTP, as services are: handlers, database/sql on a
// file, a value that is cached because it is dear to compute, and a mistake.
//
//	POST /orders?item=tea&price=3   adds an order
//	GET  /total                     the sum of the last 100 prices, from the cache or the database
//	GET  /debug/hindsight/          records the service, see package collecthttp
//
// It prints its address and serves until it is killed. Built by "hindsight build"
// it can be recorded with all its memory accesses; built by "go build" its flight
// recorder holds what the annotations name.
//
// The mistake: add says that the cached total is stale without the lock that total
// holds when it looks.
package main

import (
	"database/sql"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strconv"

	"github.com/hindsight-go/hindsight/collect"
	"github.com/hindsight-go/hindsight/collect/collecthttp"
	_ "modernc.org/sqlite"
)

// cached is what the shop remembers. The annotations are for an ordinary program's
// flight recorder; in one that "hindsight build" built they do nothing.
var cached struct {
	mu    collect.Mutex
	total int64
	stale bool
}

type shop struct{ db *sql.DB }

func open(file string) (*shop, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(file)+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS orders (item TEXT, price INTEGER)"); err != nil {
		return nil, err
	}
	cached.stale = true
	collect.Name(&cached.stale, "cached.stale")
	return &shop{db}, nil
}

func (s *shop) add(w http.ResponseWriter, r *http.Request) {
	price, err := strconv.ParseInt(r.FormValue("price"), 10, 32)
	if err != nil {
		http.Error(w, "what price?", http.StatusBadRequest)
		return
	}
	if _, err := s.db.ExecContext(r.Context(), "INSERT INTO orders VALUES (?, ?)", r.FormValue("item"), price); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	collect.Write(&cached.stale)
	cached.stale = true // without cached.mu
	fmt.Fprintln(w, "thank you")
}

func (s *shop) sum(w http.ResponseWriter, r *http.Request) {
	cached.mu.Lock()
	defer cached.mu.Unlock()
	collect.Read(&cached.stale)
	if cached.stale {
		collect.Write(&cached.stale)
		cached.stale = false
		if err := s.db.QueryRowContext(r.Context(), "SELECT coalesce(sum(price), 0) FROM (SELECT price FROM orders ORDER BY rowid DESC LIMIT 100)").Scan(&cached.total); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	fmt.Fprintln(w, cached.total)
}

func main() {
	log.SetFlags(0)
	address := flag.String("addr", "127.0.0.1:0", "serve at this `address`")
	file := flag.String("db", "shop.db", "keep orders in this `file`")
	flight := flag.Bool("flight", false, "keep the last seconds for /debug/hindsight/flight")
	flag.Parse()
	s, err := open(*file)
	if err != nil {
		log.Fatal(err)
	}
	if *flight {
		if err := new(collect.Flight).Start(); err != nil {
			log.Fatal(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.add)
	mux.HandleFunc("GET /total", s.sum)
	collecthttp.Register(mux)
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, mux))
}
