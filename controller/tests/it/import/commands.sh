#!/bin/sh
set -e
# Logs in with a form, then uploads.
curl -sSL -X POST http://127.0.0.1:8080/login -d user=ann -d 'password=hunter2' --max-time 2.5
curl -G http://127.0.0.1:8080/search --data-urlencode 'q=a b&c' -d limit=10
curl -u ann:hunter2 -F 'note=hello;type=text/plain' -F 'file=@report.pdf' http://127.0.0.1:8080/upload
curl -I http://127.0.0.1:8080/health
curl --json '{"a": 1}' -A probe/1 -e http://a.example/ http://127.0.0.1:8080/json
curl -H "X-Api-Key: $API_KEY" http://127.0.0.1:8080/items | jq .
curl --data-binary @body.bin -H 'Content-Type: application/octet-stream' http://127.0.0.1:8080/raw
