module github.com/hindsight-go/hindsight

go 1.26.0

require (
	github.com/dominikbraun/graph v0.23.0
	github.com/spf13/pflag v1.1.0
	golang.org/x/exp v0.0.0-20261014143641-f0251eb4aa3e
	golang.org/x/net v0.62.0
	golang.org/x/sync v0.24.0
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
)
