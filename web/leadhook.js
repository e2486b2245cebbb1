// The form script.
