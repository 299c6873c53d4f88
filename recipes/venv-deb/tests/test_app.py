import tempfile
import unittest
from pathlib import Path
from wsgiref.util import setup_testing_defaults

from golinks.app import make_app
from golinks.settings import read_links


def get(path, links):
    environ, answer = {"PATH_INFO": path}, {}
    setup_testing_defaults(environ)
    body = make_app(links)(environ, lambda status, headers, _=None: answer.update(status=status, **dict(headers)))
    return {**answer, "body": b"".join(body).decode()}


class App(unittest.TestCase):
    def test_a_word_is_a_redirect(self):
        answer = get("/debian", {"debian": "https://www.debian.org/"})
        self.assertEqual((answer["status"], answer["Location"]), ("302 Found", "https://www.debian.org/"))

    def test_an_unknown_word_is_not_found(self):
        self.assertTrue(get("/nothing", {})["status"].startswith("404"))

    def test_it_says_that_it_runs(self):
        self.assertEqual(get("/health", {"a": "https://a.example/"})["body"], '{"links": 1}')

    def test_what_is_no_address_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "golinks.toml"
            path.write_text('[links]\nodd = "javascript:alert(1)"\n')
            with self.assertRaises(ValueError):
                read_links(path)


if __name__ == "__main__":
    unittest.main()
