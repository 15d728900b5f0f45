# What the scripts of S3 engines share. Sourced, not run.

# answers PORT: whatever it says to a request; for a port that is not listened on, the shell itself would end.
answers() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && read -rt 5 _ <&3) 2>/dev/null
}

# say_s3_facts PORT KEY SECRET: makes a bucket, and writes the facts.
say_s3_facts() {
  local facts
  facts="{ \"endpoint\": \"http://127.0.0.1:$1\", \"port\": $1, \"region\": \"us-east-1\", \"accessKey\": \"$2\",
  \"secretKey\": \"$3\", \"bucket\": \"bucket\" }"
  node --input-type=module -e 'const { makeBucket } = await import(process.argv[1]);
    await makeBucket(JSON.parse(process.argv[2]));' "$scripts/s3-requests.mjs" "$facts"
  say_facts <<<"$facts"
}

port_of_facts() { sed -nE 's/.*"port": ([0-9]+).*/\1/p' "$dir/facts.json"; }
