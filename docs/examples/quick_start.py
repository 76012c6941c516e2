"""The quick start by limner-client, in ten lines. Needs LIMNER_CLIENT_URL, LIMNER_CLIENT_KEY and a picture me.jpg."""

from limner_client import LimnerClient

with LimnerClient() as limner:
    print(limner.balance(), [model["model_version"] for model in limner.models()])
    cake = limner.generate("two cats and a birthday cake", timeout_s=300)
    limner.save(cake, "cake.png")
    mine = limner.upload("me.jpg")
    clay = limner.generate(references=[mine], template="print_clay", timeout_s=300)
    limner.save(clay, "clay.png")
    print([(task.id, task.status, task.credits) for task in limner.tasks(limit=2)[0]])
