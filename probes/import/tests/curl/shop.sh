# Copied from a browser, from a colleague, and typed by hand.
curl 'https://api.shop.test/v1/sessions' \
  -H 'accept: application/json' \
  -H 'content-type: application/json' \
  -H 'sec-ch-ua: "Chromium";v="142"' \
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64)' \
  -b 'sid=0badc0ffee; lang=ko' \
  --data-raw $'{"login":"mina@shop.test","password":"hunter22\u0021","device":"it\'s mine"}' \
  --compressed
curl -sS -H "Authorization: Bearer $TOKEN" "https://api.shop.test/v1/orders?state=open&state=paid&q=tea%20cup" | jq '.items[0]'
curl -X PUT -u mina:opensesame https://api.shop.test/v1/orders/17 --json '{"amount": 2, "note": null}' -m 2.5 -L --retry 3
curl -G --data-urlencode 'q=차 한 잔' -d page=2 https://search.shop.test/find -A 'shop-check/1' --frobnicate -o /dev/null
curl -F photo=@cat.png -F title=cat https://api.shop.test/v1/photos -x http://proxy.test:3128
curl -d name=tea -d 'amount=3' --data-urlencode 'secret=s3cr3t-words' api.shop.test/v1/carts
curl -d @order.xml -H 'Content-Type: text/xml' https://api.shop.test/v1/soap
curl --data-raw '<login><password>hunter23</password></login>' -H 'Content-Type: text/xml' https://api.shop.test/v1/soap
curl -I https://api.shop.test/ --next -X DELETE https://api.shop.test/v1/carts/current
