"""What is checked: an nginx of one worker, with a local CA. It also swallows OTLP for the agent.

Every TLS connection is a full handshake: no tickets, no session cache.
"""

import os
import shutil
import subprocess

from process import Process, free_ports

ITEMS = ",".join(
    f'{{"id":{n},"name":"item-{n}","price":{n}.50,"tags":["a","b"]}}' for n in range(1, 21))
HEALTH = '{"status":"ok","version":"1.2.3","checks":{"db":"ok","cache":"ok"}}'
TOKEN = "tok-0123456789abcdef"

CONFIG = """
worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log error; daemon off;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; default_type application/json; server_tokens off;
  client_max_body_size 64m;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  ssl_session_cache off; ssl_session_tickets off; ssl_protocols TLSv1.2 TLSv1.3;
  map $http_authorization $denied {{ default 1; "Bearer {token}" 0; }}
  server {{
    listen 127.0.0.1:{http} backlog=4096;
    listen 127.0.0.1:{https} ssl backlog=4096;
    ssl_certificate {folder}/server.crt; ssl_certificate_key {folder}/server.key;
    location = /health {{ return 200 '{health}'; }}
    location = /login {{ if ($request_method != POST) {{ return 405; }} return 200 '{{"token":"{token}","expires_in":3600}}'; }}
    location = /api/items {{ if ($denied) {{ return 401; }} if ($request_method = POST) {{ return 201 '{{"id":42,"name":"widget","price":12.5}}'; }} return 200 '{{"count":20,"items":[{items}]}}'; }}
    location = /api/items/42 {{ if ($denied) {{ return 401; }} if ($request_method = DELETE) {{ return 204; }} return 200 '{{"id":42,"name":"widget","price":12.5,"stock":{{"eu":3,"us":7}}}}'; }}
    location = /served {{ stub_status; }}
  }}
  server {{
    listen 127.0.0.1:{sink}; default_type application/x-protobuf;
    location / {{ return 200; }}
    location = /served {{ stub_status; }}
  }}
  {controls}
}}
"""


class Target:
    """nginx, its certificates and its addresses."""

    def __init__(self, work):
        self.folder = os.path.join(work, "target")
        os.makedirs(self.folder)
        self._certify()
        http, https, sink, *controls = free_ports(6)
        self.http = f"http://127.0.0.1:{http}"
        self.https = f"https://127.0.0.1:{https}"
        self.sink = f"http://127.0.0.1:{sink}"
        self.controls = [f"127.0.0.1:{port}" for port in controls]
        self.ca = os.path.join(self.folder, "ca.crt")
        config = os.path.join(self.folder, "nginx.conf")
        with open(config, "w") as out:
            out.write(CONFIG.format(
                folder=self.folder, token=TOKEN, http=http, https=https, sink=sink,
                health=HEALTH, items=ITEMS,
                controls="".join(
                    f"server {{ listen {one}; return 204; }}\n" for one in self.controls),
            ))
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = Process(
            "nginx", [nginx, "-e", f"{self.folder}/error.log", "-p", self.folder, "-c", config],
            work)
        self.process.wait_until_ready(f"{self.http}/health")

    def _certify(self):
        """A CA, and a P-256 certificate of it for 127.0.0.1."""
        def openssl(*words):
            subprocess.run(["openssl", *words], check=True, cwd=self.folder,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        openssl("req", "-x509", *curve, "-days", "30", "-subj", "/CN=bench root",
                "-keyout", "ca.key", "-out", "ca.crt")
        openssl("req", *curve, "-subj", "/CN=localhost", "-keyout", "server.key",
                "-out", "server.csr")
        with open(os.path.join(self.folder, "names"), "w") as out:
            out.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "30", "-extfile", "names", "-out", "server.crt")

    def stop(self):
        self.process.stop()
