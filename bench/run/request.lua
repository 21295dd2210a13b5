-- wrk: the request that a chat client sends.
wrk.method = "POST"
wrk.path = "/v1/chat/completions"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"model":"mock","messages":[{"role":"user","content":"Question ex-000001 about billing: what is six times seven? Answer with a number."}],"temperature":0,"max_tokens":64}'
