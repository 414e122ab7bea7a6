// Package statusutil stands in for a module of the Collector that cannot be had from the Go module proxy (any
// version of it answers "not found"), while all modules that need it can. It is written from what the Collector's otlp
// receiver and otlp_http exporter call and from the OTLP specification, and it exists only so that otelcol can be
// built here to be compared with: nothing of Sluice uses it. tests/peers/builder.yaml puts it in the place of the
// original ("replaces").
package statusutil

import (
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// NewStatusFromMsgAndHTTPCode gives the gRPC status that says over gRPC what this HTTP status says over HTTP.
func NewStatusFromMsgAndHTTPCode(message string, httpStatus int) *status.Status {
	return status.New(codeOf(httpStatus), message)
}

func codeOf(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.Unimplemented
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return codes.Unavailable
	default:
		return codes.Unknown
	}
}

// GetRetryInfo gives the hint when to try again that a status carries, or nil.
func GetRetryInfo(from *status.Status) *errdetails.RetryInfo {
	for _, detail := range from.Details() {
		if hint, is := detail.(*errdetails.RetryInfo); is {
			return hint
		}
	}
	return nil
}
