//go:build !hindsight

package collect

import (
	"errors"
	"io"
	"runtime/trace"
	"strings"
	"testing"
)

func TestWindowOtherTracer(t *testing.T) {
	if trace.IsEnabled() {
		t.Skip("the test itself is traced")
	}
	if err := trace.Start(io.Discard); err != nil {
		t.Fatal(err)
	}
	defer trace.Stop()
	if err := Start(io.Discard); err == nil || !strings.Contains(err.Error(), "already enabled") {
		t.Errorf("with somebody else's trace: %v", err)
	}
	if err := Stop(); !errors.Is(err, ErrNotRecording) {
		t.Errorf("Stop: %v", err)
	}
	if !trace.IsEnabled() {
		t.Error("somebody else's trace has been stopped")
	}
}
