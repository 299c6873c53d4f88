"""The web application: a word is a redirect, /health says that it runs."""

from bottle import Bottle, HTTPError, redirect


def make_app(links: dict[str, str]) -> Bottle:
    app = Bottle()

    @app.get("/health")
    def health():
        return {"links": len(links)}

    @app.get("/<word>")
    def follow(word):
        if word not in links:
            raise HTTPError(404, f"nobody has said where {word} leads")
        redirect(links[word], 302)

    return app
