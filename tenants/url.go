package tenants

import (
	"errors"
	"fmt"
	"net/url"
)

// SplitURL checks a postgres:// URL and returns it without its password, and the password.
func SplitURL(raw string) (bare, password string, err error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", "", errors.New("is not a URL; give postgres://user:password@host:port/database") // the parser's words would show the password
	}
	if (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Host == "" {
		return "", "", errors.New("is not a postgres:// URL with a host; give postgres://user:password@host:port/database")
	}
	password, _ = u.User.Password()
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	if p := query.Get("password"); p != "" {
		password = p
		query.Del("password")
		u.RawQuery = query.Encode()
	}
	return u.String(), password, nil
}

// JoinURL makes a URL of a base and who connects to what.
func JoinURL(base, database, user, password string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", errors.New("node URL cannot be read")
	}
	u.User = url.UserPassword(user, password)
	u.Path = "/" + database
	return u.String(), nil
}

// RedactURLError drops a connection string from an error about it: it may hold a password.
func RedactURLError(err error) error {
	var parse *url.Error
	if errors.As(err, &parse) {
		return fmt.Errorf("is not a URL: %w", parse.Err)
	}
	return errors.New("connection settings cannot be read; give postgres://user:password@host:port/database")
}
