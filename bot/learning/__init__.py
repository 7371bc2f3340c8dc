"""Teaching the bot: utterances in, a model file out, and the figures that say whether it became better."""
