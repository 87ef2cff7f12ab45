package fanout

// Unchecked is a request whose text only the server looks at.
func Unchecked(r Request) Request {
	r.unchecked = true
	return r
}

// FirstWord is what a text is judged by before anybody is asked.
var FirstWord = firstWord
