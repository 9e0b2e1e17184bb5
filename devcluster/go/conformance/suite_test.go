// Package conformance names the suite, so that go.mod pins what it is compiled from: its tests are built, not these.
package conformance

import _ "k8s.io/kubernetes/test/e2e"
