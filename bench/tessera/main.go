// The peer of the bench: a log on Tessera's POSIX driver behind net/http, one process, tiles as static files.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// More than the bench ever has in flight: a refusal under load would make Tessera look slower than it is.
const outstandingMax = 1 << 16

func main() {
	dir := flag.String("dir", "", "folder of the log")
	batchAge := flag.Duration("batch-age", tessera.DefaultBatchMaxAge, "longest wait of an entry for its batch")
	flag.Parse()
	if err := serve(*dir, *batchAge); err != nil {
		log.Fatal(err)
	}
}

func serve(dir string, batchAge time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	appender, shutdown, err := newAppender(ctx, dir, batchAge)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: routes(appender, dir), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"url": "http://" + listener.Addr().String()}); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return shutdown(last)
}

func newAppender(ctx context.Context, dir string, batchAge time.Duration) (*tessera.Appender, func(context.Context) error, error) {
	skey, _, err := note.GenerateKey(rand.Reader, "tessera.bench.example")
	if err != nil {
		return nil, nil, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, nil, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return nil, nil, err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(100*time.Millisecond).
		WithBatching(tessera.DefaultBatchMaxSize, batchAge).
		WithPushback(outstandingMax)
	// Not ctx: the signal would stop the integration of what shutdown still waits for.
	appender, shutdown, _, err := tessera.NewAppender(context.Background(), driver, options)
	return appender, shutdown, err
}

func routes(appender *tessera.Appender, dir string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add", func(w http.ResponseWriter, r *http.Request) {
		addAll(w, r, appender, func(body []byte) [][]byte { return [][]byte{body} })
	})
	mux.HandleFunc("POST /add-batch", func(w http.ResponseWriter, r *http.Request) {
		addAll(w, r, appender, func(body []byte) [][]byte {
			return bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
		})
	})
	files := http.FileServer(http.Dir(dir))
	mux.Handle("GET /checkpoint", withCaching(files, "no-cache"))
	mux.Handle("GET /tile/", withCaching(files, "public, max-age=31536000, immutable"))
	return mux
}

func withCaching(files http.Handler, value string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", value)
		files.ServeHTTP(w, r)
	})
}

// addAll answers the index of each entry, a line each, once all of them are durable.
func addAll(w http.ResponseWriter, r *http.Request, appender *tessera.Appender, split func([]byte) [][]byte) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	entries := split(body)
	futures := make([]tessera.IndexFuture, 0, len(entries))
	for _, entry := range entries {
		futures = append(futures, appender.Add(r.Context(), tessera.NewEntry(entry)))
	}
	var answer bytes.Buffer
	for _, future := range futures {
		index, err := future()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(&answer, "%d\n", index.Index)
	}
	_, _ = w.Write(answer.Bytes())
}
