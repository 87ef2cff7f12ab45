package tenants

import (
	"errors"
	"net/url"
	"strings"
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
	if u.User == nil && strings.Contains(raw, "@") {
		// Else the rest of a password that began with digits and a slash would be taken for the database's name, and stored.
		return "", "", errors.New("has an @ but no user: write / ? # of the password as %2F %3F %23")
	}
	password, _ = u.User.Password()
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", "", errors.New("has settings after the ? that cannot be read") // a password may be among them
	}
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

// RedactURLError replaces an error about a connection string. Both the parser's words and what they are about may hold a
// password: a / in it makes a part of it an "invalid port".
func RedactURLError(error) error {
	return errors.New("connection settings cannot be read; give postgres://user:password@host:port/database")
}
