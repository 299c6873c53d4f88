import unittest

from plain_sizes import format_size, parse_size


class Sizes(unittest.TestCase):
    def test_what_people_write(self):
        for text, size in {"0": 0, "20 kB": 20_000, "1.5GiB": 1_610_612_736, " 1 KiB ": 1024}.items():
            self.assertEqual(parse_size(text), size)

    def test_what_is_no_size(self):
        for text in ("", "GiB", "1 XB", "-1 B", "0.5 B", "1e3"):
            with self.assertRaises(ValueError):
                parse_size(text)

    def test_what_people_read(self):
        for size, text in {0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 1024**2 - 1: "1 MiB", 2 * 1024**3: "2 GiB"}.items():
            self.assertEqual(format_size(size), text)

    def test_there_and_back(self):
        for power in range(7):
            self.assertEqual(parse_size(format_size(1024**power)), 1024**power)


if __name__ == "__main__":
    unittest.main()
