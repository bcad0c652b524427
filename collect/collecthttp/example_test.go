package collecthttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/hindsight-go/hindsight/collect/collecthttp"
)

func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle(collecthttp.Path, collecthttp.Handler())
	server := httptest.NewServer(mux)
	defer server.Close()

	response, err := http.Get(server.URL + "/debug/hindsight/trace?seconds=0.1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	trace, err := io.ReadAll(response.Body)
	fmt.Println(response.Status, len(trace) > 0, err)
	// Output: 200 OK true <nil>
}

func ExampleLimits() {
	limits := collecthttp.Limits{MaxTime: 10 * time.Second, MaxBytes: 64 << 20}
	http.Handle(collecthttp.Path, limits.Handler())
	// Output:
}
