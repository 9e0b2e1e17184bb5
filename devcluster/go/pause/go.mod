module highrate-pause

go 1.24.0
