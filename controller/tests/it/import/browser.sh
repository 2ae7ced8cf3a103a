# Copied from a browser: "Copy all as cURL (bash)".
curl 'https://shop.example/api/items?page=2&sort=price' \
  -H 'accept: application/json, text/plain, */*' \
  -H 'accept-language: en-US,en;q=0.9' \
  -H 'authorization: Bearer 5up3r-s3cr3t-t0k3n' \
  -b 'session=abcdef0123456789; theme=dark' \
  -H 'priority: u=1, i' \
  -H 'referer: https://shop.example/items' \
  -H 'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"' \
  -H 'sec-fetch-mode: cors' \
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36' \
  --compressed ;
curl 'https://shop.example/api/cart' \
  -H 'accept: application/json, text/plain, */*' \
  -H 'content-type: application/json' \
  -H 'authorization: Bearer 5up3r-s3cr3t-t0k3n' \
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36' \
  --data-raw $'{"item":"M\u00fctze","note":"it\'s {{not}} a template","password":"hunter2"}' \
  --compressed ;
curl 'https://cdn.example/app.js' -H 'accept: */*' ;
curl 'https://shop.example/api/cart/17' -X 'DELETE' -H 'accept: */*' --insecure
