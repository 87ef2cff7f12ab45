package fingerprint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// privilegeNames are what the letters of an aclitem stand for.
var privilegeNames = map[byte]string{
	'r': "SELECT", 'a': "INSERT", 'w': "UPDATE", 'd': "DELETE", 'D': "TRUNCATE", 'x': "REFERENCES", 't': "TRIGGER", 'm': "MAINTAIN",
	'U': "USAGE", 'C': "CREATE", 'X': "EXECUTE", 'c': "CONNECT", 'T': "TEMPORARY", 's': "SET", 'A': "ALTER SYSTEM",
}

// grantsOf gives an object for everybody whose privileges on a thing are not those that he has without being granted or denied anything. A role
// that was denied all of them has none.
func grantsOf(r row, roles roleNames) ([]Object, error) {
	if r.acl == "" {
		return nil, nil
	}
	granted, err := parseACL(r.acl, r.owner, roles)
	if err != nil {
		return nil, fmt.Errorf("read privileges on %s %s: %w", r.kind, r.name, err)
	}
	initial, err := parseACL(r.initial, r.owner, roles)
	if err != nil {
		return nil, fmt.Errorf("read initial privileges on %s %s: %w", r.kind, r.name, err)
	}
	for grantee := range initial {
		if _, has := granted[grantee]; !has {
			granted[grantee] = "none"
		}
	}
	kind, name := "grant", r.kind+" "+r.name
	switch r.kind {
	case kindInitial:
		name = r.name
	case kindDefault:
		kind, name = kindDefault, r.name
	}
	var grants []Object
	for _, grantee := range slices.Sorted(maps.Keys(granted)) {
		if privileges := granted[grantee]; privileges != initial[grantee] {
			grants = append(grants, Object{Kind: kind, Name: name + " to " + grantee, Definition: privileges})
		}
	}
	return grants, nil
}

// parseACL reads an array of aclitem, such as {owner=arwd/owner,=r/owner}: what everybody was granted, by his name; the empty one is PUBLIC. An asterisk
// says that he may pass it on. Who granted it is said where it was not the owner.
func parseACL(acl, owner string, roles roleNames) (map[string]string, error) {
	items, err := splitArray(acl)
	if err != nil {
		return nil, err
	}
	parts := map[string][]string{}
	for _, item := range items {
		grantee, rest, ok := cutRole(item)
		letters, grantor, found := strings.Cut(strings.TrimPrefix(rest, "="), "/")
		if !ok || !found {
			return nil, fmt.Errorf("%q is no aclitem", item)
		}
		by, _, _ := cutRole(grantor)
		text := words(letters)
		if owner != "" && by != owner {
			text += " by " + roles.name(by)
		}
		name := "PUBLIC"
		if grantee != "" {
			name = roles.name(grantee)
		}
		parts[name] = append(parts[name], text)
	}
	granted := make(map[string]string, len(parts))
	for grantee, list := range parts {
		slices.Sort(list)
		granted[grantee] = strings.Join(list, "\n")
	}
	return granted, nil
}

// words writes privileges in full.
func words(letters string) string {
	var list []string
	for i := 0; i < len(letters); i++ {
		if letters[i] == '*' {
			list[len(list)-1] += " WITH GRANT OPTION"
			continue
		}
		name := privilegeNames[letters[i]]
		if name == "" {
			name = letters[i : i+1] // of a version that is not known yet
		}
		list = append(list, name)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// cutRole takes the role's name off the beginning of an aclitem, where it is quoted if it has special characters.
func cutRole(item string) (role, rest string, ok bool) {
	if !strings.HasPrefix(item, `"`) {
		at := strings.IndexByte(item, '=')
		if at < 0 {
			return item, "", false
		}
		return item[:at], item[at:], true
	}
	var name strings.Builder
	for i := 1; i < len(item); i++ {
		if item[i] != '"' {
			name.WriteByte(item[i])
			continue
		}
		if i+1 < len(item) && item[i+1] == '"' {
			name.WriteByte('"')
			i++
			continue
		}
		return name.String(), item[i+1:], true
	}
	return "", "", false
}

// splitArray takes the text of a one-dimensional array apart.
func splitArray(array string) ([]string, error) {
	if len(array) < 2 || array[0] != '{' || array[len(array)-1] != '}' {
		return nil, fmt.Errorf("%q is no array", array)
	}
	var items []string
	var item strings.Builder
	quoted, begun := false, false
	for i := 1; i < len(array)-1; i++ {
		switch c := array[i]; {
		case c == '\\':
			i++
			item.WriteByte(array[i])
		case c == '"':
			quoted, begun = !quoted, true
		case c == ',' && !quoted:
			items = append(items, item.String())
			item.Reset()
		default:
			item.WriteByte(c)
			begun = true
		}
	}
	if begun {
		items = append(items, item.String())
	}
	return items, nil
}
