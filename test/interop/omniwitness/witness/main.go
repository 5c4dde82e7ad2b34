// Command witness runs omniwitness on a free port, with its records in memory, and prints its address. The program of that
// name has a database of its own, which takes longer to compile than all the rest.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/config"
	"github.com/transparency-dev/witness/omniwitness"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: witness SKEY LOGS_YAML")
	}
	ctx := context.Background()
	signer, err := fnote.NewSignerForCosignatureV1(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	logs, err := omniwitness.NewStaticLogConfig([]byte(os.Args[2]))
	if err != nil {
		log.Fatal(err)
	}
	known := []config.Log{}
	for one, err := range logs.Logs(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		known = append(known, one)
	}
	records := inmemory.New()
	if err := records.AddLogs(ctx, known); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	operator := omniwitness.OperatorConfig{
		WitnessKeys:     []note.Signer{signer},
		WitnessVerifier: signer.Verifier(),
		Logs:            records,
	}
	log.Fatal(omniwitness.Main(ctx, operator, records, listener, http.DefaultClient))
}
