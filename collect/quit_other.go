//go:build !unix

package collect

import "errors"

// OnQuit fails: there is no SIGQUIT here.
func (f *Flight) OnQuit(name string) (stop func(), err error) {
	return nil, errors.ErrUnsupported
}
