// Command opennote reads a checkpoint on stdin and opens it with golang.org/x/mod/sumdb/note, by the vkeys of a log and a
// witness. It prints the size, and the names of those whose signatures hold.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: opennote LOG_VKEY WITNESS_VKEY < checkpoint")
	}
	logVerifier, err := note.NewVerifier(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	witnessVerifier, err := fnote.NewVerifierForCosignatureV1(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	checkpoint, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	opened, err := note.Open(checkpoint, note.VerifierList(logVerifier, witnessVerifier))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Split(opened.Text, "\n")[1])
	for _, sig := range opened.Sigs {
		fmt.Println(sig.Name)
	}
}
