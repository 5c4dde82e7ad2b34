// Parsers reads cases from stdin, one JSON object a line, and answers each with a line of JSON: whether Go's own code
// accepts it, and what it reads in it. golang.org/x/mod/sumdb/note and sumdb/tlog are the reference of the formats;
// github.com/transparency-dev has the checkpoints and entry bundles of c2sp.org.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/tessera/api"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// request is one case. Input is what a parser is given; proofs come in parts.
type request struct {
	Kind  string   `json:"kind"`
	Input []byte   `json:"input"`
	Vkeys []string `json:"vkeys"`
	// A proof: of leaf Index, or from size Index, in the tree of Size.
	Index int64    `json:"index"`
	Size  int64    `json:"size"`
	Hash  []byte   `json:"hash"`
	Root  []byte   `json:"root"`
	Proof [][]byte `json:"proof"`
}

// answer has the fields that were read, as text, or why there are none.
type answer struct {
	Fields []string `json:"fields,omitempty"`
	Error  string   `json:"error,omitempty"`
}

var readers = map[string]func(request) ([]string, error){
	"note":        readNote,
	"checkpoint":  readCheckpoint,
	"tree":        readTree,
	"tile path":   readTilePath,
	"vkey":        readVerifierKey,
	"skey":        readSignerKey,
	"bundle":      readBundle,
	"inclusion":   checkInclusion,
	"consistency": checkConsistency,
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 8<<20)
	out := bufio.NewWriter(os.Stdout)
	for in.Scan() {
		if err := json.NewEncoder(out).Encode(answered(in.Bytes())); err != nil {
			fail(err)
		}
	}
	if err := errors.Join(in.Err(), out.Flush()); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "parsers:", err)
	os.Exit(1)
}

func answered(line []byte) answer {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		fail(err)
	}
	read, ok := readers[r.Kind]
	if !ok {
		fail(fmt.Errorf("no reader of %q", r.Kind))
	}
	fields, err := read(r)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Fields: append([]string{}, fields...)}
}

// readNote opens a note with the known keys. A note without any known signature is read, and says so.
func readNote(r request) ([]string, error) {
	var known []note.Verifier
	for _, vkey := range r.Vkeys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			fail(err)
		}
		known = append(known, verifier)
	}
	n, err := note.Open(r.Input, note.VerifierList(known...))
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		n = unverified.Note
	} else if err != nil {
		return nil, err
	}
	fields := []string{n.Text}
	for _, s := range n.Sigs {
		fields = append(fields, "verified "+signature(s))
	}
	for _, s := range n.UnverifiedSigs {
		fields = append(fields, "unknown "+signature(s))
	}
	return fields, nil
}

func signature(s note.Signature) string {
	return fmt.Sprintf("%s %08x %s", s.Name, s.Hash, s.Base64)
}

func readCheckpoint(r request) ([]string, error) {
	var c log.Checkpoint
	rest, err := c.Unmarshal(r.Input)
	return []string{c.Origin, strconv.FormatUint(c.Size, 10), encoded(c.Hash), string(rest)}, err
}

func readTree(r request) ([]string, error) {
	tree, err := tlog.ParseTree(r.Input)
	return []string{strconv.FormatInt(tree.N, 10), encoded(tree.Hash[:])}, err
}

func readTilePath(r request) ([]string, error) {
	tile, err := tlog.ParseTilePath(string(r.Input))
	if err == nil && tile.H != 8 {
		err = fmt.Errorf("a tile of height %d", tile.H)
	}
	return []string{strconv.Itoa(tile.L), strconv.FormatInt(tile.N, 10), strconv.Itoa(tile.W)}, err
}

func readVerifierKey(r request) ([]string, error) {
	key, err := note.NewVerifier(string(r.Input))
	if err != nil {
		return nil, err
	}
	return []string{key.Name(), fmt.Sprintf("%08x", key.KeyHash())}, nil
}

func readSignerKey(r request) ([]string, error) {
	key, err := note.NewSigner(string(r.Input))
	if err != nil {
		return nil, err
	}
	signature, err := key.Sign([]byte("text\n"))
	return []string{key.Name(), fmt.Sprintf("%08x", key.KeyHash()), encoded(signature)}, err
}

func readBundle(r request) ([]string, error) {
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(r.Input); err != nil {
		return nil, err
	}
	var fields []string
	for _, entry := range bundle.Entries {
		fields = append(fields, encoded(entry))
	}
	return fields, nil
}

func checkInclusion(r request) ([]string, error) {
	hashes, err := hashesOf(append([][]byte{r.Root, r.Hash}, r.Proof...))
	if err != nil {
		return nil, err
	}
	return nil, tlog.CheckRecord(tlog.RecordProof(hashes[2:]), r.Size, hashes[0], r.Index, hashes[1])
}

func checkConsistency(r request) ([]string, error) {
	hashes, err := hashesOf(append([][]byte{r.Root, r.Hash}, r.Proof...))
	if err != nil {
		return nil, err
	}
	return nil, tlog.CheckTree(tlog.TreeProof(hashes[2:]), r.Size, hashes[0], r.Index, hashes[1])
}

// hashesOf refuses what its type in Go cannot hold.
func hashesOf(all [][]byte) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(all))
	for i, bytes := range all {
		if copy(hashes[i][:], bytes); len(bytes) != tlog.HashSize {
			return nil, fmt.Errorf("a hash of %d bytes", len(bytes))
		}
	}
	return hashes, nil
}

func encoded(bytes []byte) string {
	return base64.StdEncoding.EncodeToString(bytes)
}
