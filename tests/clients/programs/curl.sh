# What a person types: upload, create, ask until it is done, fetch. Needs nothing but curl, grep and cut.
#
# Arguments, environment and answer are those of tripo3d_0_4.py.
set -eu

api=$LIMNER_URL/v2/openapi
bearer="Authorization: Bearer $LIMNER_KEY"

token=$(curl -sS --fail-with-body "$api/upload" -H "$bearer" -F "file=@$1" | grep -o '[0-9a-f-]\{36\}')
id=$(curl -sS --fail-with-body "$api/task" -H "$bearer" -H 'Content-Type: application/json' \
    -d '{"type":"generate_image","prompt":"a cat in a hat","file":{"type":"png","file_token":"'"$token"'"}}' |
    grep -o '[0-9a-f-]\{36\}')

while :; do
    task=$(curl -sS --fail-with-body "$api/task/$id" -H "$bearer")
    case $task in *'"status":"queued"'* | *'"status":"running"'*) sleep 0.2 ;; *) break ;; esac
done

url=$(printf %s "$task" | grep -o '"generated_image":"[^"]*"' | cut -d'"' -f4)
curl -sS --fail-with-body "$url" -o "$2/$id.png"

seen=${task#*'"data":{'}
printf '{"tasks":{"uploaded":{"files":{"image":"%s"},%s}}' "$2/$id.png" "${seen%'}'}"
