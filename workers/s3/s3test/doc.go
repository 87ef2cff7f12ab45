// Package s3test is a real S3 server over a folder, and a proxy before it that makes faults.
package s3test
