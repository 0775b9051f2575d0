# Puts several files of tests one after the other, so that they can be compiled at once. What is in the unnamed
# namespace of a file, and so known in it alone, gets a namespace with the name of the file.
FNR == 1 {
  name = FILENAME
  sub(/.*\//, "", name)
  gsub(/[^A-Za-z0-9]/, "_", name)
  print "#line 1 \"" FILENAME "\""
}
$0 == "namespace {" { $0 = "namespace in_" name " {" }
{ print }
