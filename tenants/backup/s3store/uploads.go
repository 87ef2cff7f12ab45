//go:build !race

package s3store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"gocloud.dev/blob/s3blob" // opens s3://

	"github.com/avenit/tenantry/tenants/backup"
)

var _ = backup.RegisterAborter(s3blob.Scheme, Abort)

// Abort takes back multipart uploads below a prefix. A store that knows no list of them has none to show, and is none the worse for it.
func Abort(ctx context.Context, p backup.Place, prefix string, olderThan time.Duration) (int, error) {
	var client *s3.Client
	if !p.Bucket.As(&client) {
		return 0, fmt.Errorf("bucket %s is not in S3", p.Name)
	}
	n := 0
	pages := s3.NewListMultipartUploadsPaginator(client, &s3.ListMultipartUploadsInput{Bucket: &p.Name, Prefix: aws.String(p.Prefix + prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		switch {
		case is(err, "NotImplemented"):
			return n, nil
		case is(err, "AccessDenied"):
			return n, fmt.Errorf("list uploads of bucket %s: allow s3:ListBucketMultipartUploads: %w", p.Name, err)
		case err != nil:
			return n, fmt.Errorf("list uploads of bucket %s: %w", p.Name, err)
		}
		for _, u := range page.Uploads {
			if olderThan > 0 && time.Since(aws.ToTime(u.Initiated)) < olderThan { // with 0 no clock is asked
				continue
			}
			_, err := client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &p.Name, Key: u.Key, UploadId: u.UploadId})
			switch {
			case is(err, "NoSuchUpload"): // it has ended meanwhile
			case is(err, "AccessDenied"):
				return n, fmt.Errorf("abort upload of %s: allow s3:AbortMultipartUpload: %w", aws.ToString(u.Key), err)
			case err != nil:
				return n, fmt.Errorf("abort upload of %s: %w", aws.ToString(u.Key), err)
			default:
				n++
			}
		}
	}
	return n, nil
}

func is(err error, code string) bool {
	api, is := errors.AsType[smithy.APIError](err)
	return is && api.ErrorCode() == code
}
