// Checklog checks a running log with Go's own Merkle tree code, golang.org/x/mod/sumdb/tlog: the signature of
// the checkpoint, the root over all entries, and the inclusion and consistency proofs of the HTTP interface.
// With -follow it does so at every size while the log grows.
package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const bundleWidth = 256

// followLimit bounds how long -follow waits for a log to grow.
const followLimit = 90 * time.Second

// report is what a successful run prints, as one line of JSON.
type report struct {
	Size        int64 `json:"size"`
	Inclusion   int   `json:"inclusion"`
	Consistency int   `json:"consistency"`
	Heads       int   `json:"heads"`
}

func main() {
	logURL := flag.String("url", "", "the log, such as http://127.0.0.1:8080/logs/main")
	vkey := flag.String("vkey", "", "the log's verifier key; its name is the expected origin")
	sizes := flag.String("sizes", "", "tree sizes, comma-separated, at which proofs are checked; the head is added")
	follow := flag.Int64("follow", 0, "check every single size while the log grows, until it has this many entries")
	flag.Parse()
	l := &remoteLog{url: *logURL, client: &http.Client{Timeout: 30 * time.Second}}
	done, err := func() (*report, error) {
		if *follow > 0 {
			return l.follow(*vkey, *follow)
		}
		return l.check(*vkey, *sizes)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "checklog:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(done); err != nil {
		os.Exit(1)
	}
}

func (l *remoteLog) check(vkey, sizeList string) (*report, error) {
	head, err := l.checkpoint(vkey)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if err := l.checkHead(head); err != nil {
		return nil, err
	}
	sizes, err := parseSizes(sizeList, head.N)
	if err != nil {
		return nil, err
	}
	done := &report{Size: head.N, Heads: 1}
	for i, size := range sizes {
		n, err := l.checkInclusion(size)
		if err != nil {
			return nil, fmt.Errorf("inclusion: %w", err)
		}
		done.Inclusion += n
		for _, from := range sizes[:i+1] {
			if err := l.checkConsistency(from, size); err != nil {
				return nil, fmt.Errorf("consistency from %d to %d: %w", from, size, err)
			}
			done.Consistency++
		}
	}
	return done, nil
}

// follow checks each head that the log publishes and, between one head and the next, each single size.
func (l *remoteLog) follow(vkey string, until int64) (*report, error) {
	done := &report{}
	for deadline := time.Now().Add(followLimit); done.Size < until; {
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the log has %d entries after %v, not %d", done.Size, followLimit, until)
		}
		head, err := l.checkpoint(vkey)
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		if head.N < done.Size {
			return nil, fmt.Errorf("the log shrank from %d to %d", done.Size, head.N)
		}
		if head.N == done.Size {
			time.Sleep(time.Millisecond)
			continue
		}
		if err := l.checkHead(head); err != nil {
			return nil, err
		}
		if err := l.checkSizesBetween(done, head.N); err != nil {
			return nil, err
		}
		done.Size = head.N
		done.Heads++
		// Whoever feeds the log may wait for this line, so that no head goes by unseen.
		fmt.Printf("head %d\n", head.N)
	}
	return done, nil
}

// checkSizesBetween checks the step from each size to the next, and the one from the last head to this.
func (l *remoteLog) checkSizesBetween(done *report, head int64) error {
	for size := done.Size + 1; size <= head; size++ {
		n, err := l.checkInclusion(size)
		if err != nil {
			return fmt.Errorf("inclusion: %w", err)
		}
		done.Inclusion += n
		for _, from := range slices.Compact([]int64{done.Size, size - 1}) {
			if from == 0 {
				continue
			}
			if err := l.checkConsistency(from, size); err != nil {
				return fmt.Errorf("consistency from %d to %d: %w", from, size, err)
			}
			done.Consistency++
		}
	}
	return nil
}

// checkHead reads the entries that are new under a head and compares its root with that of all entries.
func (l *remoteLog) checkHead(head tlog.Tree) error {
	if err := l.readEntries(head.N); err != nil {
		return fmt.Errorf("entries: %w", err)
	}
	root, err := tlog.TreeHash(head.N, l)
	if err != nil {
		return err
	}
	if root != head.Hash {
		return fmt.Errorf("the entries have root %v, the checkpoint says %v", root, head.Hash)
	}
	return nil
}

func parseSizes(list string, head int64) ([]int64, error) {
	sizes := []int64{head}
	for _, text := range strings.Split(list, ",") {
		if text == "" {
			continue
		}
		size, err := strconv.ParseInt(text, 10, 64)
		if err != nil || size < 1 || size > head {
			return nil, fmt.Errorf("size %q is not in 1 to %d", text, head)
		}
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}

// remoteLog is a log over HTTP and the hashes of its entries, in sumdb's storage order.
type remoteLog struct {
	url    string
	client *http.Client
	leaves []tlog.Hash
	hashes []tlog.Hash
}

// ReadHashes makes remoteLog a tlog.HashReader over what was computed from the entries.
func (l *remoteLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("no stored hash %d", index)
		}
		found[i] = l.hashes[index]
	}
	return found, nil
}

func (l *remoteLog) get(path string) ([]byte, error) {
	resp, err := l.client.Get(l.url + "/" + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %s", path, resp.Status, body)
	}
	return body, nil
}

// checkpoint reads the head and checks its signature, then its origin.
func (l *remoteLog) checkpoint(vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := l.get("checkpoint")
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// readEntries reads every bundle that has entries from those known to size, and stores the hashes that sumdb
// derives from the entries. Known entries that come again must be the same.
func (l *remoteLog) readEntries(size int64) error {
	for start := int64(len(l.leaves)) / bundleWidth * bundleWidth; start < size; start += bundleWidth {
		width := min(bundleWidth, size-start)
		path := bundlePath(start/bundleWidth, width)
		bundle, err := l.get(path)
		if err != nil {
			return err
		}
		if err := l.storeBundle(bundle, start, width); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (l *remoteLog) storeBundle(bundle []byte, start, width int64) error {
	for index := start; index < start+width; index++ {
		if len(bundle) < 2 {
			return errors.New("too few entries")
		}
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		if end > len(bundle) {
			return errors.New("an entry is cut off")
		}
		if err := l.storeLeaf(index, tlog.RecordHash(bundle[2:end])); err != nil {
			return err
		}
		bundle = bundle[end:]
	}
	if len(bundle) > 0 {
		return errors.New("bytes after the last entry")
	}
	return nil
}

func (l *remoteLog) storeLeaf(index int64, leaf tlog.Hash) error {
	if index < int64(len(l.leaves)) {
		if l.leaves[index] != leaf {
			return fmt.Errorf("entry %d is another one than before", index)
		}
		return nil
	}
	stored, err := tlog.StoredHashesForRecordHash(index, leaf, l)
	if err != nil {
		return err
	}
	l.leaves = append(l.leaves, leaf)
	l.hashes = append(l.hashes, stored...)
	return nil
}

// bundlePath is the path of c2sp.org/tlog-tiles: x001/234 for 1234, with .p/W below the full width.
func bundlePath(index, width int64) string {
	path := fmt.Sprintf("%03d", index%1000)
	for index >= 1000 {
		index /= 1000
		path = fmt.Sprintf("x%03d/%s", index%1000, path)
	}
	if width < bundleWidth {
		path += fmt.Sprintf(".p/%d", width)
	}
	return "tile/entries/" + path
}

// checkInclusion checks the first, middle and last entry of a tree, and those beside the last full bundle's end.
func (l *remoteLog) checkInclusion(size int64) (int, error) {
	seam := size / bundleWidth * bundleWidth
	indexes := []int64{0, size / 2, size - 1, max(seam-1, 0), min(seam, size-1)}
	slices.Sort(indexes)
	indexes = slices.Compact(indexes)
	root, err := tlog.TreeHash(size, l)
	if err != nil {
		return 0, err
	}
	for _, index := range indexes {
		if err := l.checkOneInclusion(index, size, root); err != nil {
			return 0, fmt.Errorf("index %d in size %d: %w", index, size, err)
		}
	}
	return len(indexes), nil
}

func (l *remoteLog) checkOneInclusion(index, size int64, root tlog.Hash) error {
	body, err := l.get(fmt.Sprintf("proofs/inclusion?index=%d&treeSize=%d", index, size))
	if err != nil {
		return err
	}
	var answer struct {
		Index          int64       `json:"index"`
		TreeSize       int64       `json:"treeSize"`
		LeafHash       tlog.Hash   `json:"leafHash"`
		RootHash       tlog.Hash   `json:"rootHash"`
		InclusionProof []tlog.Hash `json:"inclusionProof"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	if answer.Index != index || answer.TreeSize != size {
		return fmt.Errorf("answers index %d in size %d", answer.Index, answer.TreeSize)
	}
	if answer.LeafHash != l.leaves[index] || answer.RootHash != root {
		return fmt.Errorf("leaf hash %v or root hash %v is not that of the entries", answer.LeafHash, answer.RootHash)
	}
	return tlog.CheckRecord(answer.InclusionProof, size, root, index, l.leaves[index])
}

func (l *remoteLog) checkConsistency(from, to int64) error {
	oldRoot, err := tlog.TreeHash(from, l)
	if err != nil {
		return err
	}
	newRoot, err := tlog.TreeHash(to, l)
	if err != nil {
		return err
	}
	body, err := l.get(fmt.Sprintf("proofs/consistency?from=%d&to=%d", from, to))
	if err != nil {
		return err
	}
	var answer struct {
		FromSize         int64       `json:"fromSize"`
		ToSize           int64       `json:"toSize"`
		FromRootHash     tlog.Hash   `json:"fromRootHash"`
		ToRootHash       tlog.Hash   `json:"toRootHash"`
		ConsistencyProof []tlog.Hash `json:"consistencyProof"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	if answer.FromSize != from || answer.ToSize != to {
		return fmt.Errorf("answers %d to %d", answer.FromSize, answer.ToSize)
	}
	if answer.FromRootHash != oldRoot || answer.ToRootHash != newRoot {
		return errors.New("a root hash is not that of the entries")
	}
	return tlog.CheckTree(answer.ConsistencyProof, to, newRoot, from, oldRoot)
}
